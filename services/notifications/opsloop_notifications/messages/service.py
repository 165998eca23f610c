"""Turn a request to tell people something into a row a person, and record what became of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, workspaces
from opsloop_common.contracts.campaigns import MessageChanged, MessageRequested
from opsloop_common.contracts.notifications import FailureReason
from opsloop_common.db import Context, acting_for, clock_of, context_of, fire_after_commit
from opsloop_common.ids import uuid7
from opsloop_common.inbox import forgetting
from opsloop_notifications.calls import service as calls
from opsloop_notifications.calls.service import Waiting
from opsloop_notifications.consent.rules import GENERAL, INBOX, Decision, Defer, Gather, Skip, priority_of
from opsloop_notifications.consent.service import Question, decisions, erase_contacts
from opsloop_notifications.contacts import service as contacts
from opsloop_notifications.contacts.service import Reach
from opsloop_notifications.digests.service import Held, erase_digests, gather
from opsloop_notifications.in_app.service import Entry, erase_entries, put_entries
from opsloop_notifications.locales.rules import best_locale
from opsloop_notifications.messages import queries, rules
from opsloop_notifications.messages.calls import Said as Said
from opsloop_notifications.messages.calls import record_said as record_said
from opsloop_notifications.messages.mails import KIND as KIND
from opsloop_notifications.messages.mails import SUPPRESS_BOUNCED as SUPPRESS_BOUNCED
from opsloop_notifications.messages.mails import Mail as Mail
from opsloop_notifications.messages.mails import MailResult as MailResult
from opsloop_notifications.messages.mails import claim_mails as claim_mails
from opsloop_notifications.messages.mails import count, told_of
from opsloop_notifications.messages.mails import record_mails as record_mails
from opsloop_notifications.messages.mails import take_back as take_back
from opsloop_notifications.messages.models import Message, NotificationQueue
from opsloop_notifications.messages.models import Notification as Notification
from opsloop_notifications.messages.queries import LATEST_FIRST as LATEST_FIRST
from opsloop_notifications.messages.queries import NEWEST_FIRST as NEWEST_FIRST
from opsloop_notifications.messages.queries import Gathered as Gathered
from opsloop_notifications.messages.queries import Kept
from opsloop_notifications.messages.queries import contents_by_id as contents_by_id
from opsloop_notifications.messages.queries import counts as counts
from opsloop_notifications.messages.queries import get_message as get_message
from opsloop_notifications.messages.queries import get_notification as get_notification
from opsloop_notifications.messages.queries import in_digests as in_digests
from opsloop_notifications.messages.queries import messages_by_key as messages_by_key
from opsloop_notifications.messages.queries import messages_of as messages_of
from opsloop_notifications.messages.queries import notifications_by_id as notifications_by_id
from opsloop_notifications.messages.queries import notifications_of as notifications_of
from opsloop_notifications.messages.rules import EMAIL
from opsloop_notifications.messages.stopping import cancel_message as cancel_message
from opsloop_notifications.messages.stopping import pause_message as pause_message
from opsloop_notifications.messages.stopping import resume_message as resume_message
from opsloop_notifications.messages.stopping import set_paused_apart as set_paused_apart
from opsloop_notifications.recipients.rules import person_id
from opsloop_notifications.recipients.service import Recipient, hold, reach
from opsloop_notifications.topics.service import find_topic
from opsloop_notifications.ways.rules import CALLED

QUEUE_TABLE = NotificationQueue.__tablename__

# the unique (workspace, message, user, channel) makes a repeated request send nothing twice
_ADD = text(
    "WITH added AS (INSERT INTO notification (id, workspace, message_id, campaign_id, user_id, topic, channel, address, "
    "locale, status, reason, attempt_count, created_at, deferred_until, digest_id, finished_at) "
    "SELECT r.id, :workspace, r.message, :campaign, r.user_id, :topic, :channel, r.address, r.locale, "
    "CASE WHEN r.reason IS NULL THEN CAST(:ready AS text) ELSE 'failed' END, r.reason, 0, :now, r.until, r.digest, "
    "CASE WHEN r.reason IS NOT NULL OR :ready <> 'pending' THEN CAST(:now AS timestamptz) END "
    "FROM unnest(CAST(:ids AS uuid[]), CAST(:messages AS uuid[]), CAST(:users AS text[]), CAST(:addresses AS text[]), "
    "CAST(:locales AS text[]), CAST(:reasons AS text[]), CAST(:untils AS timestamptz[]), CAST(:digests AS uuid[])) "
    "AS r(id, message, user_id, address, locale, reason, until, digest) "
    "ON CONFLICT (workspace, message_id, user_id, channel) DO NOTHING RETURNING id, status, deferred_until, digest_id), "
    "queued AS (INSERT INTO notification_queue (id, workspace, group_key, due_at, tries, is_paused, priority) SELECT id, :workspace, "
    ":workspace, CASE WHEN NOT CAST(:paused AS boolean) THEN coalesce(deferred_until, :now) END, 0, :paused, CAST(:priority AS integer) "
    "FROM added WHERE status = 'pending' AND digest_id IS NULL AND :channel = 'email') "
    "SELECT id FROM added"
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
    "RETURNING id, message_id, address), "
    "queued AS (DELETE FROM notification_queue AS q USING gone WHERE q.id = gone.id AND q.workspace = :workspace) "
    "SELECT id, message_id, address FROM gone"
)
# what was said to them alone
_ERASE_MESSAGES = text(
    "DELETE FROM message AS m WHERE m.workspace = :workspace AND m.id = ANY(CAST(:ids AS uuid[])) "
    "AND NOT EXISTS (SELECT FROM notification AS n WHERE n.workspace = m.workspace AND n.message_id = m.id)"
)
_SETTLE = text(
    "UPDATE notification AS n SET status = CASE WHEN r.reason IS NULL THEN 'gathered' ELSE 'failed' END, reason = r.reason, "
    "finished_at = :now FROM unnest(CAST(:digests AS uuid[]), CAST(:reasons AS text[])) AS r(digest, reason) "
    "WHERE n.workspace = :workspace AND n.digest_id = r.digest AND n.status = 'pending' RETURNING n.id"
)


class Digested(NamedTuple):
    """What a person gets in one; `id` is that of the message which tells it."""

    id: UUID
    user_id: str
    contents: rules.Contents
    held: Sequence[Gathered]


class _Asked(NamedTuple):
    message_id: UUID
    user_id: str
    contents: rules.Contents
    address: str | None = None


class _Row(NamedTuple):
    message_id: UUID
    user_id: str
    address: str | None
    locale: str | None
    reason: FailureReason | None
    deferred_until: datetime | None
    digest_id: UUID | None
    channel_id: UUID | None
    priority: int


async def request_message(session: AsyncSession, requested: MessageRequested) -> None:
    """Make one notification a recipient of what a campaign says."""
    contents = [content.model_dump() for content in requested.contents]
    topic = requested.topic or GENERAL
    await keep_message(session, requested.message_id, contents, topic=topic, campaign_id=requested.campaign_id)
    own = Message.workspace == context_of(session).workspace
    unsaid = own & (Message.id == requested.message_id) & (Message.contents == [])  # its campaign spoke of it before
    await session.execute(update(Message).where(unsaid).values(contents=contents, topic=topic))
    await tell(session, requested.message_id, requested.channel, requested.user_ids)


async def follow_campaign(session: AsyncSession, changed: MessageChanged, *, sequence: int) -> None:
    """Have a campaign's message go on, wait or be taken back, unless something later was heard; also one that is not requested yet."""
    await keep_message(session, changed.message_id, [], topic=GENERAL, campaign_id=changed.campaign_id)
    message = await queries.lock_message(session, changed.message_id)
    if message.heard is not None and message.heard >= sequence:
        return
    message.heard = sequence
    match changed.state:
        case "cancelled":
            await cancel_message(session, changed.message_id)
        case "paused":
            await pause_message(session, changed.message_id)
        case "going":
            await resume_message(session, changed.message_id)


async def keep_message(
    session: AsyncSession, message_id: UUID, contents: rules.Contents, *, topic: str, **about: Any
) -> None:
    """Keep what is said to many, unless it is kept already; `about` are columns of it."""
    await _keep(session, {message_id: contents}, topic=topic, **about)


async def _keep(session: AsyncSession, contents: Mapping[UUID, rules.Contents], *, topic: str, **about: Any) -> None:
    same: dict[str, Any] = {
        "workspace": context_of(session).workspace,
        "topic": topic,
        "time_zone": (await workspaces.get(session)).time_zone,
        "cause": context_of(session).cause(),
        "created_at": clock_of(session).now(),
    }
    values = [same | about | {"id": id, "contents": said} for id, said in contents.items()]
    await session.execute(insert(Message).values(values).on_conflict_do_nothing())


async def tell(
    session: AsyncSession, message_id: UUID, channel: str, user_ids: Sequence[str], *, address: str | None = None
) -> dict[str, FailureReason | None]:
    """Make one notification a recipient of a kept message; whom nothing may be sent to has failed at once, with the reason returned.

    `address`: where it goes, if not where each is reached.
    """
    kept = await queries.get_kept(session, message_id)
    contents = rules.of_channel(kept.contents, channel)
    asked = list(dict.fromkeys(user_ids))
    if kept.is_cancelled:
        left = [_Row(message_id, user_id, *(None,) * 6, priority=0) for user_id in asked]
        await _add(session, kept, channel, left)
        return dict.fromkeys(asked)
    recent = await _sent_lately(session, kept.id, asked, topic=kept.topic)
    rows = await _rows(
        session, kept, channel, [_Asked(message_id, user_id, contents, address) for user_id in asked], recent=recent
    )
    ready = [_entry(id, row, contents) for id, row in await _add(session, kept, channel, rows) if channel == INBOX]
    await put_entries(session, ready)
    return {row.user_id: row.reason for row in rows}


async def tell_digests(session: AsyncSession, digests: Sequence[Digested], channel: str, *, topic: str) -> None:
    """Make one message of each digest, and say of what it holds that it stands there, or, where it may not be sent, why not.

    It was counted when it was held: they go out whatever their topic's throttle.
    """
    await _keep(session, {each.id: each.contents for each in digests}, topic=topic, campaign_id=None)
    kept = await queries.get_kept(session, digests[0].id)  # as the others are, but for what it says
    asked = [_Asked(each.id, each.user_id, rules.of_channel(each.contents, channel)) for each in digests]
    rows = await _rows(session, kept, channel, asked)
    await _add(session, kept, channel, rows)
    await _settle(session, digests, [row.reason for row in rows])


async def _settle(session: AsyncSession, digests: Sequence[Digested], reasons: Sequence[FailureReason | None]) -> None:
    own, now = context_of(session).workspace, clock_of(session).now()
    given = {"workspace": own, "now": now, "digests": [each.id for each in digests], "reasons": list(reasons)}
    settled = set(await session.scalars(_SETTLE, given))
    for digest, reason in zip(digests, reasons, strict=True):
        for row, cause in digest.held:
            if row.id in settled:
                with acting_for(session, Context.following(own, cause)):
                    outbox.append(session, told_of(row, reason))
                count(session, reason or "gathered")


async def _add(session: AsyncSession, kept: Kept, channel: str, asked: Sequence[_Row]) -> list[tuple[UUID, _Row]]:
    """Keep what is not kept yet, and tell what became of it; returns what is sent or to be."""
    rows = {uuid7(): row for row in asked}
    added = await session.scalars(
        _ADD,
        {
            "workspace": context_of(session).workspace,
            "campaign": kept.campaign_id,
            "topic": kept.topic,
            "channel": channel,
            "ready": "cancelled" if kept.is_cancelled else "sent" if channel == INBOX else "pending",
            "now": clock_of(session).now(),
            "paused": kept.is_paused,
            "priority": max((row.priority for row in asked), default=0),
            "ids": list(rows),
            "messages": [row.message_id for row in rows.values()],
            "users": [row.user_id for row in rows.values()],
            "addresses": [row.address for row in rows.values()],
            "locales": [row.locale for row in rows.values()],
            "reasons": [row.reason for row in rows.values()],
            "untils": [row.deferred_until for row in rows.values()],
            "digests": [row.digest_id for row in rows.values()],
        },
    )
    if kept.is_cancelled:
        return []
    ready = []
    for id in added:
        row = rows[id]
        if row.reason is not None or channel == INBOX:
            about = {"campaign_id": kept.campaign_id, "user_id": row.user_id, "channel": channel, "locale": row.locale}
            outbox.append(session, told_of(Notification(id=id, message_id=row.message_id, **about), row.reason))
        if row.reason is not None:
            count(session, row.reason)
        else:
            ready.append((id, row))
    if channel in CALLED:
        now = [(id, row) for id, row in ready if row.digest_id is None]
        waiting = [Waiting(id, row.message_id, row.channel_id, row.deferred_until, row.priority) for id, row in now]
        await calls.enqueue(session, waiting, is_paused=kept.is_paused)
    fire_after_commit(session, QUEUE_TABLE)
    return ready


async def _rows(
    session: AsyncSession,
    kept: Kept,
    channel: str,
    asked: Sequence[_Asked],
    *,
    recent: Mapping[str, int] | None = None,
) -> list[_Row]:
    """Return what becomes of each; `recent` None: they are digests, and held for none."""
    workspace = context_of(session).workspace
    known = await reach(session, {(workspace, each.user_id) for each in asked})
    people = [known.get((workspace, each.user_id)) for each in asked]
    user_ids = [each.user_id for each in asked]
    reached = await contacts.reach_by(session, channel, user_ids) if channel in CALLED else Reach(True, {})
    through = [reached.people.get(user_id) for user_id in user_ids]
    addresses = [
        (each.address or (None if person is None else person.email)) if channel == EMAIL else way and way.address
        for each, person, way in zip(asked, people, through, strict=True)
    ]
    questions = [
        Question(workspace, each.user_id, address, kept.topic, channel, kept.time_zone, recent is not None)
        for each, address in zip(asked, addresses, strict=True)
    ]
    answers = await decisions(session, questions, recent=recent)
    if not reached.is_configured:
        answers = [Skip("channel_not_configured") for _ in asked]
    gathering = {
        each.user_id: answer for each, answer in zip(asked, answers, strict=True) if isinstance(answer, Gather)
    }
    held = await gather(session, gathering, channel=channel, topic=kept.topic, key=kept.digest_key or "")
    house = (await workspaces.get(session)).locale
    rows = [_row(held, house, *each) for each in zip(asked, addresses, people, answers, strict=True)]
    return [row._replace(channel_id=way and way.channel_id) for row, way in zip(rows, through, strict=True)]


def _row(
    held: Mapping[str, Held],
    house: str,
    asked: _Asked,
    address: str | None,
    person: Recipient | None,
    decision: Decision,
) -> _Row:
    reason: FailureReason | None = decision.reason if isinstance(decision, Skip) else None
    if reason is None and not asked.contents:
        reason = "undeliverable"
    digest = held.get(asked.user_id) if reason is None else None
    until = decision.until if isinstance(decision, Defer) and reason is None else digest and digest.ends_at
    locale, priority = _locale_for(asked.contents, (person and person.locale) or house), priority_of(decision)
    return _Row(asked.message_id, asked.user_id, address, locale, reason, until, digest and digest.id, None, priority)


async def _sent_lately(
    session: AsyncSession, message_id: UUID, user_ids: Sequence[str], *, topic: str
) -> dict[str, int]:
    """Return how many of a throttled topic people got within its time; two requests at once are counted one after the other."""
    found = await find_topic(session, topic)
    if found is None or found.throttle_window is None:
        return {}
    await hold(session, user_ids)
    since = clock_of(session).now() - found.throttle_window
    return await queries.sent_lately(session, user_ids, topic=topic, since=since, but=message_id)


def _locale_for(contents: rules.Contents, wanted: str | None) -> str | None:
    if not contents:
        return None
    locale: str = contents[best_locale([content["locale"] for content in contents], wanted)]["locale"]
    return locale


def _entry(id: UUID, row: _Row, contents: rules.Contents) -> Entry:
    said = next(content for content in contents if content["locale"] == row.locale)
    return Entry(id, row.user_id, said["locale"], title=said["subject"], body=said["body"], url=said.get("url"))


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
    await erase_entries(session, user_ids)
    await erase_digests(session, user_ids)
    await contacts.erase_contacts(session, user_ids)
    own = {"workspace": context_of(session).workspace}
    gone = (await session.execute(_ERASE, own | {"user_ids": list(user_ids)})).all()
    await erase_contacts(session, user_ids, also={row.address for row in gone if row.address is not None})
    await calls.drop(session, [row.id for row in gone])
    outbox.end_streams(session, "notification", [row.id for row in gone])
    told = [f"recipient/{person_id(own['workspace'], user_id)}" for user_id in user_ids]
    await outbox.forget(session, [*(f"notification/{row.id}" for row in gone), *told], user_ids)
    await forgetting.forget(session, user_ids)
    await session.execute(_ERASE_MESSAGES, own | {"ids": list({row.message_id for row in gone})})


async def waiting(session: AsyncSession, now: datetime) -> tuple[int, int, float]:
    """Return how many are due, how many later, and for how many seconds the oldest has been due, over what the session sees."""
    due, later, oldest_seconds = (await session.execute(NotificationQueue.waiting(now))).one()
    return due, later, float(oldest_seconds)
