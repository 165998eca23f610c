"""Put entries into inboxes, and keep what people do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits
from opsloop_common.clock import rfc3339
from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_common.resources import changing, touch
from opsloop_common.versions import Precondition
from opsloop_notifications.in_app import queries, rules
from opsloop_notifications.in_app.models import InAppEntry, InAppInbox
from opsloop_notifications.in_app.rules import Mark
from opsloop_notifications.recipients.service import reach

UNSNOOZE = "notifications.unsnooze"
_TIMES = ("seen_at", "read_at", "archived_at", "snoozed_until")

_PUT = text(
    "WITH r AS (SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:users AS text[]), CAST(:locales AS text[]), "
    "CAST(:titles AS text[]), CAST(:bodies AS text[]), CAST(:urls AS text[])) AS r(id, user_id, locale, title, body, url)), "
    "counted AS (INSERT INTO in_app_inbox (workspace, user_id, position) SELECT :workspace, user_id, 1 FROM r ORDER BY user_id "
    "ON CONFLICT (workspace, user_id) DO UPDATE SET position = in_app_inbox.position + 1 RETURNING user_id, position) "
    "INSERT INTO in_app_entry (id, workspace, version, created_at, updated_at, user_id, locale, title, body, url, position) "
    "SELECT r.id, :workspace, 1, :now, :now, r.user_id, r.locale, r.title, r.body, r.url, counted.position "
    "FROM r JOIN counted USING (user_id)"
)
_FORGET = text(
    "DELETE FROM in_app_entry WHERE workspace = :workspace AND id IN (SELECT e.id FROM in_app_entry AS e "
    "WHERE e.workspace = :workspace AND e.created_at < :before AND e.snoozed_until IS NULL "
    "ORDER BY e.created_at LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING id"
)
_ERASE = text(
    "WITH gone AS (DELETE FROM in_app_inbox WHERE workspace = :workspace AND user_id = ANY(CAST(:user_ids AS text[]))) "
    "DELETE FROM in_app_entry WHERE workspace = :workspace AND user_id = ANY(CAST(:user_ids AS text[]))"
)


@dataclass(frozen=True)
class Entry:
    """What comes into a person's inbox."""

    id: UUID
    user_id: str
    locale: str
    title: str
    body: str
    url: str | None


async def put_entries(session: AsyncSession, entries: Sequence[Entry]) -> None:
    """Put one entry each into the inboxes of some people, each person once, and wake who watches them."""
    if not entries:
        return
    given = {
        "ids": [entry.id for entry in entries],
        "users": [entry.user_id for entry in entries],
        "locales": [entry.locale for entry in entries],
        "titles": [entry.title for entry in entries],
        "bodies": [entry.body for entry in entries],
        "urls": [entry.url for entry in entries],
    }
    own = {"workspace": context_of(session).workspace, "now": clock_of(session).now()}
    await session.execute(_PUT, given | own)
    _wake(session, *(entry.user_id for entry in entries))


def _wake(session: AsyncSession, *user_ids: str) -> None:
    workspace = context_of(session).workspace
    for name in {rules.wakeup(workspace, user_id) for user_id in user_ids}:
        fire_after_commit(session, name)


async def require_known(session: AsyncSession, user_id: str, *, as_user: str | None) -> None:
    """Raise NotFound (404) for the inbox of another end user, and for one of a person that nobody knows."""
    if as_user is not None:
        if as_user != user_id:
            raise NotFound.of("recipient", by="user_id")
    elif await queries.find_position(session, user_id) is None and not await reach(
        session, {(context_of(session).workspace, user_id)}
    ):
        raise NotFound.of("recipient", by="user_id")


async def change_entry(
    session: AsyncSession, user_id: str, entry_id: UUID, said: Mapping[str, Any], *, expected: Precondition
) -> InAppEntry:
    """Change what became of one entry; raises NotFound, StaleVersion, Invalid (422) for a time that has passed."""
    inbox = await queries.lock_inbox(session, user_id)
    entry = await queries.lock_entry(session, user_id, entry_id, expected)
    now = clock_of(session).now()
    changes = rules.differing(_times(entry), rules.wanted_of(said, now))
    if "snoozed_until" in said and said["snoozed_until"] != entry.snoozed_until:
        rules.require_later(said["snoozed_until"], now)
        changes["snoozed_until"] = said["snoozed_until"]
    with changing(session, entry, changes) as before:
        if before:
            _moved(session, inbox, [entry])
            await _plan(session, entry, before)
    return entry


async def _plan(session: AsyncSession, entry: InAppEntry, before: Mapping[str, Any]) -> None:
    if "snoozed_until" not in before:
        return
    if entry.snoozed_until is None:
        await due.cancel(session, UNSNOOZE, str(entry.id))
    else:
        await due.schedule(session, UNSNOOZE, str(entry.id), entry.snoozed_until, replace=True)


def _times(entry: InAppEntry) -> dict[str, datetime | None]:
    return {name: getattr(entry, name) for name in _TIMES}


def _moved(session: AsyncSession, inbox: InAppInbox | None, entries: Sequence[InAppEntry]) -> None:
    """Give changed entries the next positions of their locked inbox, and wake who watches it; undoing others is past."""
    if inbox is None:
        raise RuntimeError("an entry lies in no inbox")
    for entry in reversed(entries):
        inbox.position += 1
        entry.position = inbox.position
        entry.undo_id = entry.before = None
    _wake(session, inbox.user_id)


async def mark_entries(
    session: AsyncSession, user_id: str, mark: Mark, ids: Sequence[UUID] | None
) -> tuple[int, UUID | None]:
    """Do one thing with some entries, None: with all that it may change; returns how many are another now, and by what that is undone.

    Those that are so already, and ids that name nothing of the person, are passed over.
    """
    inbox = await queries.lock_inbox(session, user_id)
    where = queries.on(rules.FROM[mark]) if ids is None else (queries.with_ids(ids),)
    entries = await queries.lock_entries(session, user_id, *where, limit=limits.INBOX_MARKED)
    now, undo_id = clock_of(session).now(), uuid7()
    wanted = rules.marked(mark, now)
    changed = [entry for entry in entries if rules.differing(_times(entry), wanted)]
    if not changed:
        return 0, None
    kept = {entry.id: _kept(entry) for entry in changed}
    _moved(session, inbox, changed)
    for entry in changed:
        await _become(session, entry, rules.differing(_times(entry), wanted))
        entry.undo_id, entry.before = str(undo_id), kept[entry.id]
    return len(changed), undo_id


async def _become(session: AsyncSession, entry: InAppEntry, changes: Mapping[str, Any]) -> None:
    before = {name: getattr(entry, name) for name in changes}
    for name, value in changes.items():
        setattr(entry, name, value)
    touch(session, entry)
    await _plan(session, entry, before)


def _kept(entry: InAppEntry) -> dict[str, str | None]:
    return {name: None if at is None else rfc3339(at) for name, at in _times(entry).items()}


async def undo_mark(session: AsyncSession, user_id: str, undo_id: UUID) -> int:
    """Give entries back what they were before one change of many, as far as nothing changed them since; returns how many."""
    inbox = await queries.lock_inbox(session, user_id)
    entries = await queries.lock_entries(session, user_id, queries.undone_by(str(undo_id)), limit=limits.INBOX_MARKED)
    kept = {entry.id: entry.before or {} for entry in entries}
    if entries:
        _moved(session, inbox, entries)
    now = clock_of(session).now()
    for entry in entries:
        before = {name: None if at is None else datetime.fromisoformat(at) for name, at in kept[entry.id].items()}
        if (until := before.get("snoozed_until")) is not None and until <= now:
            before["snoozed_until"] = None
        await _become(session, entry, {name: at for name, at in before.items() if at != getattr(entry, name)})
    return len(entries)


async def unsnooze_entry(session: AsyncSession, entry_id: UUID) -> None:
    """Show an entry again whose time has come, as one that nobody has seen; one that is gone or put off is left alone."""
    found = await queries.find_entry(session, entry_id)
    if found is None:
        return
    inbox = await queries.lock_inbox(session, found.user_id)
    entry = await queries.find_entry(session, entry_id)
    if entry is None or entry.snoozed_until is None or entry.snoozed_until > clock_of(session).now():
        return
    entry.snoozed_until = entry.seen_at = entry.read_at = None
    _moved(session, inbox, [entry])
    touch(session, entry)


async def forget_entries(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` entries from before a time that do not sleep; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    return len((await session.scalars(_FORGET, given)).all())


async def erase_entries(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget the inboxes of people who were erased."""
    await session.execute(_ERASE, {"workspace": context_of(session).workspace, "user_ids": list(user_ids)})
