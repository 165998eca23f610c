"""Mails as the queue's engine takes them, and what is recorded of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, outbox
from opsloop_common.contracts.notifications import FailureReason, NotificationFailed, NotificationSent
from opsloop_common.db import Context, acting_for, clock_of, count_after_commit, meters_of
from opsloop_common.due.claims import claim_batch, enter_queues
from opsloop_common.due.port import Ask
from opsloop_notifications.consent.rules import Decision, Defer
from opsloop_notifications.consent.service import Question, decisions
from opsloop_notifications.mail.service import MailMeter
from opsloop_notifications.messages import queries, rules
from opsloop_notifications.messages.models import Message, Notification, NotificationQueue

KIND = "mails"
_TOLD = ("message_id", "campaign_id", "user_id", "channel", "locale")
SUPPRESS_BOUNCED = "notifications.suppress_bounced"
_RECORD = text(
    "WITH r AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:statuses AS text[]), CAST(:reasons AS text[]), "
    "CAST(:details AS text[]), CAST(:nexts AS timestamptz[]), CAST(:tries AS integer[]), CAST(:untils AS timestamptz[])) "
    "AS r(id, status, reason, detail, next_at, tries, until)), "
    "gone AS (DELETE FROM notification_queue AS q USING r "
    "WHERE q.id = r.id AND q.owner = :owner AND r.next_at IS NULL RETURNING q.id), "
    "later AS (UPDATE notification_queue AS q "
    "SET due_at = CASE WHEN q.is_paused THEN NULL ELSE r.next_at END, tries = q.tries + r.tries, owner = NULL, "
    "claimed_at = NULL, last_error = r.detail FROM r WHERE q.id = r.id AND q.owner = :owner AND r.next_at IS NOT NULL "
    "RETURNING q.id), "
    "held AS (SELECT id FROM gone UNION ALL SELECT id FROM later) "
    "UPDATE notification AS n SET status = r.status, reason = r.reason, detail = r.detail, "
    "attempt_count = n.attempt_count + r.tries, deferred_until = coalesce(r.until, n.deferred_until), "
    "finished_at = CASE WHEN r.next_at IS NULL THEN CAST(:now AS timestamptz) END "
    "FROM r JOIN held USING (id) WHERE n.id = r.id RETURNING n.id"
)
# whoever takes a message back holds the rows that wait of it, also those on their way: what is recorded after that sees it here
_TAKE_BACK = text(
    "WITH off AS (UPDATE notification AS n SET status = 'cancelled', finished_at = :now FROM message AS m "
    "WHERE n.id = ANY(CAST(:ids AS uuid[])) AND n.status = 'pending' AND m.workspace = n.workspace AND m.id = n.message_id "
    "AND m.cancelled_at IS NOT NULL RETURNING n.id), "
    "gone AS (DELETE FROM notification_queue AS q USING off WHERE q.id = off.id) SELECT id FROM off"
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
    topic: str
    decision: Decision
    cause: Mapping[str, Any]
    html: str | None = None
    thread: Mapping[str, Any] | None = None

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
    """What came of one try: sent (no reason), failed for good, or to be tried again. `is_try` False: it only waited.

    `is_bounce`: there is no such mailbox. `deferred_until`: the person is left alone until then.
    """

    mail: Mail
    reason: FailureReason | None
    detail: str | None
    next_attempt_at: datetime | None
    is_try: bool = True
    is_bounce: bool = False
    deferred_until: datetime | None = None


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
    queued = {row.id: row for row in claimed}
    found = await queries.notifications_by_id(session, list(queued))
    rows = sorted(found, key=lambda row: -queued[row.id].priority)
    messages = await queries.messages_by_key(session, list({(row.workspace, row.message_id) for row in rows}))
    zones = [messages[row.workspace, row.message_id].time_zone for row in rows]
    questions = [
        Question(row.workspace, row.user_id, row.address, row.topic, row.channel, zone)
        for row, zone in zip(rows, zones, strict=True)
    ]
    # asked again: what people want, and what is known of their address, may have changed while it waited
    return [
        _mail(row, messages[row.workspace, row.message_id], queued[row.id].tries, decision, ask.now)
        for row, decision in zip(rows, await decisions(session, questions), strict=True)
    ]


def _mail(notification: Notification, message: Message, tries: int, decision: Decision, now: datetime) -> Mail:
    said = rules.of_channel(message.contents, notification.channel)
    content = next(each for each in said if each["locale"] == notification.locale)
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
        html=content.get("html"),
        thread=content.get("thread"),
        created_at=notification.created_at,
        tries=tries,
        topic=notification.topic,
        decision=decision if message.cancelled_at is None else Defer(now),  # what waits of it ends as it is recorded
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
                "untils": [result.deferred_until for result in results],
            },
        )
    )
    await take_back(session, [result.mail.id for result in results if result.next_attempt_at is not None])
    for result in results:
        if result.mail.id in held:
            count(session, _counted(result))
        if result.mail.id in held and result.next_attempt_at is None:
            with acting_for(session, Context.following(result.mail.workspace, result.mail.cause)):
                outbox.append(session, told_of(result.mail, result.reason))
                if result.is_bounce:
                    now = clock_of(session).now()
                    await due.schedule(session, SUPPRESS_BOUNCED, str(result.mail.id), now, group=result.mail.workspace)


async def take_back(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    """End those of recorded notifications that wait, though their message was taken back meanwhile; returns which."""
    given = {"ids": list(ids), "now": clock_of(session).now()}
    return set(await session.scalars(_TAKE_BACK, given)) if ids else set()


def count(session: AsyncSession, outcome: str) -> None:
    """Count one outcome, once it is durable."""
    count_after_commit(session, partial(meters_of(session, MailMeter).count, outcome))


def _counted(result: MailResult) -> str:
    if result.deferred_until is not None:
        return "deferred"
    if result.next_attempt_at is not None:
        return "delayed" if result.is_try else "held"
    return result.reason or "sent"


def _status(result: MailResult) -> str:
    if result.next_attempt_at is not None:
        return "pending"
    return "sent" if result.reason is None else "failed"


def told_of(of: Mail | Notification, reason: FailureReason | None) -> NotificationSent | NotificationFailed:
    """Return the event that says what became of a notification; a server's own words may name the address, and stay in the row."""
    about: dict[str, Any] = {name: getattr(of, name) for name in _TOLD} | {"notification_id": of.id}
    return NotificationSent(**about) if reason is None else NotificationFailed(**about, reason=reason)
