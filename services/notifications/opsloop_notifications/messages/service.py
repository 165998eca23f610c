"""Turn a request to tell people something into a row a person, and record what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.campaigns import MessageChannel, MessageRequested
from opsloop_common.contracts.notifications import FailureReason, NotificationFailed, NotificationSent
from opsloop_common.db import (
    Context,
    acting_for,
    clock_of,
    context_of,
    count_after_commit,
    fire_after_commit,
    meters_of,
)
from opsloop_common.due.claims import claim_batch, enter_queues
from opsloop_common.due.port import Ask
from opsloop_common.ids import uuid7
from opsloop_common.inbox import forgetting
from opsloop_notifications.messages import queries, rules
from opsloop_notifications.messages.meters import MailMeter
from opsloop_notifications.messages.models import Message, Notification, NotificationQueue
from opsloop_notifications.recipients.service import erase_recipients, reach

QUEUE_TABLE = NotificationQueue.__tablename__
KIND = "mails"
CHANNEL: MessageChannel = "email"

# the unique (workspace, message, user) makes a repeated request send nothing twice
_ADD = text(
    "WITH added AS (INSERT INTO notification (id, workspace, message_id, campaign_id, user_id, channel, address, locale, "
    "status, reason, attempt_count, created_at, finished_at) "
    "SELECT r.id, :workspace, :message, :campaign, r.user_id, :channel, r.address, r.locale, "
    "CASE WHEN r.reason IS NULL THEN 'pending' ELSE 'failed' END, r.reason, 0, :now, "
    "CASE WHEN r.reason IS NOT NULL THEN CAST(:now AS timestamptz) END "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:users AS text[]), CAST(:addresses AS text[]), CAST(:locales AS text[]), "
    "CAST(:reasons AS text[])) AS r(id, user_id, address, locale, reason) "
    "ON CONFLICT (workspace, message_id, user_id) DO NOTHING RETURNING id, status), "
    "queued AS (INSERT INTO notification_queue (id, workspace, group_key, due_at, tries) "
    "SELECT id, :workspace, :workspace, :now, 0 FROM added WHERE status = 'pending') "
    "SELECT id FROM added"
)
_RECORD = text(
    "WITH r AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]), "
    "CAST(:details AS text[]), CAST(:nexts AS timestamptz[]), CAST(:tries AS integer[])) "
    "AS r(id, status, reason, detail, next_at, tries)), "
    "gone AS (DELETE FROM notification_queue AS q USING r "
    "WHERE q.id = r.id AND q.owner = :owner AND r.next_at IS NULL RETURNING q.id), "
    "later AS (UPDATE notification_queue AS q SET due_at = r.next_at, tries = q.tries + r.tries, owner = NULL, "
    "claimed_at = NULL, last_error = r.detail FROM r WHERE q.id = r.id AND q.owner = :owner AND r.next_at IS NOT NULL "
    "RETURNING q.id), "
    "held AS (SELECT id FROM gone UNION ALL SELECT id FROM later) "
    "UPDATE notification AS n SET status = r.status, reason = r.reason, detail = r.detail, "
    "attempt_count = n.attempt_count + r.tries, "
    "finished_at = CASE WHEN r.next_at IS NULL THEN CAST(:now AS timestamptz) END "
    "FROM r JOIN held USING (id) WHERE n.id = r.id RETURNING n.id"
)
_FORGET = text(
    "WITH page AS MATERIALIZED (SELECT id, created_at FROM notification "
    "WHERE workspace = :workspace AND id > :after ORDER BY id LIMIT :limit), "
    "old AS MATERIALIZED (SELECT n.id FROM notification AS n JOIN page ON page.id = n.id "
    "WHERE n.status <> 'pending' AND n.finished_at < :before FOR UPDATE OF n SKIP LOCKED), "
    "gone AS (DELETE FROM notification AS n USING old WHERE n.id = old.id) "
    "SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, count(*) AS seen, ARRAY(SELECT id FROM old) AS forgotten, "
    "count(*) FILTER (WHERE created_at < :before) AS old FROM page"
)
# one that is being asked for again right now is locked, and stays
_FORGET_MESSAGES = text(
    "DELETE FROM message WHERE workspace = :workspace AND id IN (SELECT m.id FROM message AS m "
    "WHERE m.workspace = :workspace AND m.created_at < :before AND NOT EXISTS (SELECT FROM notification AS n "
    "WHERE n.workspace = m.workspace AND n.message_id = m.id) LIMIT :limit FOR UPDATE OF m SKIP LOCKED) RETURNING id"
)

# one that is with the mail server right now is let go: what comes of it finds no claim, and nobody is told
_ERASE = text(
    "WITH gone AS (DELETE FROM notification WHERE workspace = :workspace AND user_id = ANY(CAST(:user_ids AS text[])) "
    "RETURNING id, message_id), "
    "queued AS (DELETE FROM notification_queue AS q USING gone WHERE q.id = gone.id AND q.workspace = :workspace) "
    "SELECT id, message_id FROM gone"
)
# what was said to them alone
_ERASE_MESSAGES = text(
    "DELETE FROM message AS m WHERE m.workspace = :workspace AND m.id = ANY(CAST(:ids AS uuid[])) "
    "AND NOT EXISTS (SELECT FROM notification AS n WHERE n.workspace = m.workspace AND n.message_id = m.id)"
)


@dataclass(frozen=True)
class Mail:
    """A claimed notification with what it says; `cause` is the context that its events inherit."""

    id: UUID
    workspace: str
    message_id: UUID
    campaign_id: UUID | None
    user_id: str
    channel: str
    address: str
    locale: str | None
    subject: str
    body: str
    created_at: datetime
    tries: int
    cause: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Return the name of the queue."""
        return KIND

    @property
    def group(self) -> str:
        """Return the workspace: a large campaign of one does not hold up the others."""
        return self.workspace


@dataclass(frozen=True)
class MailResult:
    """What came of one try: sent (no reason), failed for good, or to be tried again. `is_try` False: it only waited."""

    mail: Mail
    reason: FailureReason | None
    detail: str | None
    next_attempt_at: datetime | None
    is_try: bool = True


async def request_message(session: AsyncSession, requested: MessageRequested) -> None:
    """Make one notification a recipient of what a campaign wants to be told."""
    contents = [content.model_dump() for content in requested.contents]
    await tell(
        session, requested.user_ids, contents, message_id=requested.message_id, campaign_id=requested.campaign_id
    )


async def tell(
    session: AsyncSession,
    people: Sequence[str],
    contents: Sequence[Mapping[str, str]],
    *,
    message_id: UUID,
    campaign_id: UUID | None = None,
) -> None:
    """Mail people something in their language; who has no address has failed at once, with that reason."""
    await _keep_message(session, contents, message_id=message_id, campaign_id=campaign_id)
    kept = await queries.get_contents(session, message_id)
    user_ids = list(dict.fromkeys(people))
    known = await reach(session, user_ids)
    rows: dict[UUID, tuple[str, str | None, str | None, FailureReason | None]] = {}
    for user_id in user_ids:
        recipient = known.get(user_id)
        address = recipient.email if recipient else None
        locale = _locale_for(kept, recipient.locale if recipient else None)
        reason: FailureReason | None = "no_address" if address is None else None if kept else "undeliverable"
        rows[uuid7()] = (user_id, address, locale, reason)
    users, addresses, locales, reasons = zip(*rows.values(), strict=True) if rows else ((), (), (), ())
    added = await session.scalars(
        _ADD,
        {
            "workspace": context_of(session).workspace,
            "message": message_id,
            "campaign": campaign_id,
            "channel": CHANNEL,
            "now": clock_of(session).now(),
            "ids": list(rows),
            "users": list(users),
            "addresses": list(addresses),
            "locales": list(locales),
            "reasons": list(reasons),
        },
    )
    for id in added:
        user_id, _, locale, reason = rows[id]
        if reason is not None:
            failed = NotificationFailed(
                notification_id=id,
                message_id=message_id,
                campaign_id=campaign_id,
                user_id=user_id,
                channel=CHANNEL,
                locale=locale,
                reason=reason,
            )
            outbox.append(session, failed)
            _count(session, reason)
    fire_after_commit(session, QUEUE_TABLE)


def _locale_for(contents: Sequence[Mapping[str, Any]], wanted: str | None) -> str | None:
    if not contents:
        return None
    locale: str = contents[rules.best_locale([content["locale"] for content in contents], wanted)]["locale"]
    return locale


async def _keep_message(
    session: AsyncSession, contents: Sequence[Mapping[str, str]], *, message_id: UUID, campaign_id: UUID | None
) -> None:
    await session.execute(
        insert(Message)
        .values(
            workspace=context_of(session).workspace,
            id=message_id,
            campaign_id=campaign_id,
            contents=[dict(content) for content in contents],
            cause=context_of(session).cause(),
            created_at=clock_of(session).now(),
        )
        .on_conflict_do_nothing()
    )


async def claim_mails(session: AsyncSession, ask: Ask, *, per_workspace: int) -> list[Mail]:
    """Claim mails that are due, workspaces in turn, with what they say."""
    claimed = await claim_batch(
        session,
        NotificationQueue,
        now=ask.now,
        owner=ask.owner,
        limit=ask.limit,
        per_group=per_workspace,
        share=ask.share,
        full=ask.full,
    )
    if not claimed:
        return []
    tries = {row.id: row.tries for row in claimed}
    rows = await queries.notifications_by_id(session, list(tries))
    messages = await queries.messages_by_key(session, list({(row.workspace, row.message_id) for row in rows}))
    return [_mail(row, messages[row.workspace, row.message_id], tries[row.id]) for row in rows]


def _mail(notification: Notification, message: Message, tries: int) -> Mail:
    content = next(content for content in message.contents if content["locale"] == notification.locale)
    return Mail(
        id=notification.id,
        workspace=notification.workspace,
        message_id=notification.message_id,
        campaign_id=notification.campaign_id,
        user_id=notification.user_id,
        channel=notification.channel,
        address=notification.address or "",
        locale=notification.locale,
        subject=content["subject"],
        body=content["body"],
        created_at=notification.created_at,
        tries=tries,
        cause=message.cause,
    )


async def record_mails(session: AsyncSession, results: Sequence[MailResult], *, owner: UUID) -> None:
    """Settle many tries in one statement, and tell the bus of those that ended; only where the claim still holds."""
    await enter_queues(session)
    held = set(
        await session.scalars(
            _RECORD,
            {
                "owner": owner,
                "now": clock_of(session).now(),
                "ids": [result.mail.id for result in results],
                "statuses": [_status(result) for result in results],
                "reasons": [result.reason if result.next_attempt_at is None else None for result in results],
                "details": [result.detail for result in results],
                "nexts": [result.next_attempt_at for result in results],
                "tries": [int(result.is_try) for result in results],
            },
        )
    )
    for result in results:
        if result.mail.id in held:
            _count(session, _counted(result))
        if result.mail.id in held and result.next_attempt_at is None:
            with acting_for(session, Context.following(result.mail.workspace, result.mail.cause)):
                outbox.append(session, _outcome(result))


def _count(session: AsyncSession, outcome: str) -> None:
    count_after_commit(session, partial(meters_of(session, MailMeter).count, outcome))


def _counted(result: MailResult) -> str:
    if result.next_attempt_at is not None:
        return "delayed" if result.is_try else "held"
    return result.reason or "sent"


def _status(result: MailResult) -> str:
    if result.next_attempt_at is not None:
        return "pending"
    return "sent" if result.reason is None else "failed"


def _outcome(result: MailResult) -> NotificationSent | NotificationFailed:
    mail = result.mail
    common: dict[str, Any] = {
        "notification_id": mail.id,
        "message_id": mail.message_id,
        "campaign_id": mail.campaign_id,
        "user_id": mail.user_id,
        "channel": mail.channel,
        "locale": mail.locale,
    }
    # the server's own words may name the address, so they stay in the row
    return NotificationSent(**common) if result.reason is None else NotificationFailed(**common, reason=result.reason)


async def forget_ended(session: AsyncSession, before: datetime, *, after: UUID | None, limit: int) -> UUID | None:
    """Delete the notifications of one page, past id `after`, that ended before a time.

    Returns the id after which to go on, None when younger ones follow only.
    """
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    page = (await session.execute(_FORGET, given | {"after": after or UUID(int=0)})).one()
    outbox.end_streams(session, "notification", page.forgotten)
    last: UUID | None = page.last
    return last if page.old and page.seen == limit else None


async def forget_messages(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` messages from before a time of which no notification is left; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    return len((await session.scalars(_FORGET_MESSAGES, given)).all())


async def erase_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget people who were erased: where they are reached, what was sent to them, and what waits to be."""
    await erase_recipients(session, user_ids)
    own = {"workspace": context_of(session).workspace}
    gone = (await session.execute(_ERASE, own | {"user_ids": list(user_ids)})).all()
    outbox.end_streams(session, "notification", [row.id for row in gone])
    await outbox.forget(session, [f"notification/{row.id}" for row in gone], user_ids)
    await forgetting.forget(session, user_ids)
    await session.execute(_ERASE_MESSAGES, own | {"ids": list({row.message_id for row in gone})})


async def waiting(session: AsyncSession, now: datetime) -> tuple[int, int, float]:
    """Return how many are due, how many later, and for how many seconds the oldest has been due, over what the session sees."""
    due, later, oldest_seconds = (await session.execute(NotificationQueue.waiting(now))).one()
    return due, later, float(oldest_seconds)
