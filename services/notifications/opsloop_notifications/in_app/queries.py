"""What is read of inboxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

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
    """Count what waits for a person, and say how far the inbox is: in one statement, as all who watch ask for it at once."""
    workspace = context_of(session).workspace
    position = select(InAppInbox.position).where(InAppInbox.workspace == workspace, InAppInbox.user_id == user_id)
    counted = select(
        func.count().filter(InAppEntry.seen_at.is_(None)),
        func.count(),
        func.coalesce(position.scalar_subquery(), 0),
    )
    own = (InAppEntry.workspace == workspace, InAppEntry.user_id == user_id)
    return Counts(*(await session.execute(counted.where(*own, *_ON[Shelf.UNREAD]))).one())


async def changed_since(session: AsyncSession, user_id: str, position: int, *, limit: int) -> Sequence[InAppEntry]:
    """Return entries that are new or other than at a position, in the order in which they became so."""
    statement = _all_of(context_of(session).workspace, user_id).where(InAppEntry.position > position)
    return (await session.scalars(statement.order_by(InAppEntry.position).limit(limit))).all()


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
