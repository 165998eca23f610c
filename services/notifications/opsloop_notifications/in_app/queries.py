"""What is read of inboxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Select, Text, bindparam, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.in_app.models import InAppEntry, InAppInbox
from opsloop_notifications.in_app.rules import Shelf

NEWEST_FIRST = (InAppEntry.id.desc(),)
_OPEN = (InAppEntry.archived_at.is_(None), InAppEntry.snoozed_until.is_(None))
_ON: dict[Shelf, tuple[ColumnElement[bool], ...]] = {
    Shelf.OPEN: _OPEN,
    Shelf.UNSEEN: (*_OPEN, InAppEntry.seen_at.is_(None), InAppEntry.read_at.is_(None)),
    Shelf.UNREAD: (*_OPEN, InAppEntry.read_at.is_(None)),
    Shelf.READ: (*_OPEN, InAppEntry.read_at.is_not(None)),
    Shelf.ARCHIVED: (InAppEntry.archived_at.is_not(None),),
    Shelf.SNOOZED: (InAppEntry.archived_at.is_(None), InAppEntry.snoozed_until.is_not(None)),
}


@dataclass(frozen=True)
class Counts:
    """How many entries wait for a person, and how far the inbox is."""

    unseen: int
    unread: int
    position: int


def entries_of(workspace: str, user_id: str, shelf: Shelf = Shelf.OPEN) -> Select[InAppEntry]:
    """Return the statement for what lies on a shelf of a person's inbox, to be paged by `NEWEST_FIRST`."""
    return _all_of(workspace, user_id).where(*_ON[shelf])


def _all_of(workspace: str, user_id: str) -> Select[InAppEntry]:
    return select(InAppEntry).where(InAppEntry.workspace == workspace, InAppEntry.user_id == user_id)


async def find_position(session: AsyncSession, user_id: str) -> int | None:
    """Return how far a person's inbox is, None where nothing ever came."""
    own = InAppInbox.workspace == context_of(session).workspace
    position: int | None = await session.scalar(select(InAppInbox.position).where(own, InAppInbox.user_id == user_id))
    return position


async def counts(session: AsyncSession, user_id: str) -> Counts:
    """Count what waits for a person, and say how far the inbox is."""
    return (await counts_of(session, [user_id]))[user_id]


async def counts_of(session: AsyncSession, user_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Count what waits for each of some people, and say how far their inboxes are: in one statement, as of one moment."""
    asked = (
        func.unnest(bindparam("users", list(user_ids), type_=ARRAY(Text)))
        .table_valued("user_id")
        .render_derived(name="asked")
    )
    workspace = context_of(session).workspace
    position = select(InAppInbox.position).where(
        InAppInbox.workspace == workspace, InAppInbox.user_id == asked.c.user_id
    )
    waiting = (
        select(func.count().filter(InAppEntry.seen_at.is_(None)).label("unseen"), func.count().label("unread"))
        .where(InAppEntry.workspace == workspace, InAppEntry.user_id == asked.c.user_id, *_ON[Shelf.UNREAD])
        .lateral("waiting")
    )
    columns = (asked.c.user_id, waiting.c.unseen, waiting.c.unread, func.coalesce(position.scalar_subquery(), 0))
    rows = await session.execute(select(*columns).join_from(asked, waiting, true()))
    return {user_id: Counts(*counted) for user_id, *counted in rows}


async def changed_since(
    session: AsyncSession, places: Sequence[tuple[str, int]], *, limit: int
) -> Mapping[tuple[str, int | None], Sequence[InAppEntry]]:
    """Return entries that are new or other than at each person's position, in the order in which they became so, so many of each."""
    if not places:
        return {}
    users = bindparam("users", [user_id for user_id, _ in places], type_=ARRAY(Text))
    positions = bindparam("positions", [position for _, position in places], type_=ARRAY(BigInteger))
    asked = func.unnest(users, positions).table_valued("user_id", "position").render_derived(name="asked")
    own = (InAppEntry.workspace == context_of(session).workspace, InAppEntry.user_id == asked.c.user_id)
    since = (
        select(InAppEntry)
        .where(*own, InAppEntry.position > asked.c.position)
        .order_by(InAppEntry.position)
        .limit(limit)
        .lateral("since")
    )
    entry = aliased(InAppEntry, since)
    statement = (
        select(asked.c.user_id, asked.c.position, entry).join_from(asked, since, true()).order_by(since.c.position)
    )
    found: defaultdict[tuple[str, int | None], list[InAppEntry]] = defaultdict(list)
    for user_id, position, each in await session.execute(statement):
        found[user_id, position].append(each)
    return found


async def get_entry(session: AsyncSession, user_id: str, entry_id: UUID) -> InAppEntry:
    """Return one entry of a person; raises NotFound."""
    return await resources.get(session, InAppEntry, InAppEntry.id == entry_id, InAppEntry.user_id == user_id)


async def find_entry(session: AsyncSession, entry_id: UUID) -> InAppEntry | None:
    """Return one entry, or None."""
    return await resources.find(session, InAppEntry, InAppEntry.id == entry_id)


async def lock_inbox(session: AsyncSession, user_id: str) -> InAppInbox | None:
    """Lock and return a person's inbox, None where nothing ever came."""
    own = InAppInbox.workspace == context_of(session).workspace
    statement = select(InAppInbox).where(own, InAppInbox.user_id == user_id).execution_options(populate_existing=True)
    return (await session.scalars(statement.with_for_update())).one_or_none()


async def lock_entry(session: AsyncSession, user_id: str, entry_id: UUID, expected: Precondition) -> InAppEntry:
    """Lock and return one entry in the version expected; raises NotFound, StaleVersion."""
    own = InAppEntry.user_id == user_id
    return await resources.lock_for_change(session, InAppEntry, InAppEntry.id == entry_id, own, expected=expected)


async def lock_entries(
    session: AsyncSession, user_id: str, *where: ColumnElement[bool], limit: int
) -> Sequence[InAppEntry]:
    """Lock and return a person's entries that fulfil `where`, the newest first; the inbox is locked already."""
    statement = _all_of(context_of(session).workspace, user_id).where(*where).order_by(*NEWEST_FIRST).limit(limit)
    return (await session.scalars(statement.with_for_update().execution_options(populate_existing=True))).all()


def on(shelf: Shelf) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of lying on a shelf."""
    return _ON[shelf]


def with_ids(ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Return the condition of being one of some entries."""
    return InAppEntry.id.in_(ids)


def undone_by(undo_id: str) -> ColumnElement[bool]:
    """Return the condition of having been changed last by one change of many."""
    return InAppEntry.undo_id == undo_id
