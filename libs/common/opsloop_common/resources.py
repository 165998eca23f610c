"""How a resource is found, locked, changed and audited: the same way for every room.

A change is `lock_for_change` (404, then 412), the rules (409) about what the row is, and the work under `changing`, which gives the
row its next version and tells the audit log. Rules about what the row becomes are asked in there, where it stands what
differs; what they raise ends the transaction. What changes nothing writes nothing. Rows are `columns.Versioned`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.interfaces import ORMOption

from opsloop_common import outbox
from opsloop_common.access import audit
from opsloop_common.columns import Resource, Versioned
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.versions import Precondition

VersionedT = TypeVar("VersionedT", bound=Versioned)
ResourceT = TypeVar("ResourceT", bound=Resource)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_UNTOLD = frozenset({"version", "updated_at"})


def _statement(
    session: AsyncSession, model: type[VersionedT], where: Sequence[ColumnElement[bool]], options: Sequence[ORMOption]
) -> Select[VersionedT]:
    # the workspace by name as well: row-level security alone does not always let the planner use the index
    own = model.workspace == context_of(session).workspace
    return select(model).where(own, *where).options(*options).execution_options(populate_existing=True)


async def find(
    session: AsyncSession, model: type[VersionedT], *where: ColumnElement[bool], options: Sequence[ORMOption] = ()
) -> VersionedT | None:
    """Return the workspace's one row that fulfils `where`, as it is now, or None."""
    return (await session.scalars(_statement(session, model, where, options))).one_or_none()


async def get(
    session: AsyncSession, model: type[VersionedT], *where: ColumnElement[bool], options: Sequence[ORMOption] = ()
) -> VersionedT:
    """Return the workspace's one row that fulfils `where`, as it is now; raises NotFound (404)."""
    return _there(model, await find(session, model, *where, options=options))


async def find_for_change(
    session: AsyncSession, model: type[VersionedT], *where: ColumnElement[bool], options: Sequence[ORMOption] = ()
) -> VersionedT | None:
    """Return the workspace's one row that fulfils `where`, locked until the transaction ends, or None."""
    # NO KEY: nothing changes an id, so rows that refer to this one may be written meanwhile
    statement = _statement(session, model, where, options).with_for_update(key_share=True)
    return (await session.scalars(statement)).one_or_none()


async def lock_all(session: AsyncSession, model: type[ResourceT], *where: ColumnElement[bool]) -> list[ResourceT]:
    """Return the workspace's rows that fulfil `where`, locked in the order of their ids so that two batches cannot deadlock."""
    statement = _statement(session, model, where, ()).order_by(model.id).with_for_update(key_share=True)
    return list(await session.scalars(statement))


async def lock_for_change(
    session: AsyncSession,
    model: type[VersionedT],
    *where: ColumnElement[bool],
    expected: Precondition,
    options: Sequence[ORMOption] = (),
) -> VersionedT:
    """Return the workspace's one row that fulfils `where`, locked until the transaction ends and in the version expected.

    Raises NotFound (404), then StaleVersion (412).
    """
    row = _there(model, await find_for_change(session, model, *where, options=options))
    expected.require(row.version)
    return row


async def lock_as_asked(
    session: AsyncSession,
    model: type[VersionedT],
    *where: ColumnElement[bool],
    expected: Precondition,
    options: Sequence[ORMOption] = (),
) -> VersionedT:
    """Do as `lock_for_change`, for whoever consents to what the row says; raises Conflict (409) when another change was faster.

    Who names no version consents to what stood there when they asked. A change that was under way then, and that the lock waited
    for, is one that they cannot have seen.
    """
    asked = await get(session, model, *where)
    version = asked.version
    row = await lock_for_change(session, model, *where, expected=expected, options=options)
    if row.version != version:
        raise Conflict(f"The {model.NOUN} has just been changed; look at it again.")
    return row


def _there(model: type[VersionedT], row: VersionedT | None) -> VersionedT:
    if row is None:
        raise NotFound.of(model.NOUN, by=model.BY)
    return row


def create(session: AsyncSession, model: type[ResourceT], **fields: Any) -> ResourceT:
    """Add a row to the workspace, in its first version, and tell the audit log; the next statement writes it."""
    now = clock_of(session).now()
    own = {
        "id": uuid7(),
        "workspace": context_of(session).workspace,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    row = model(**own, **fields)
    session.add(row)
    tell(session, row, "created", after=row.audited())
    return row


@contextmanager
def changing(
    session: AsyncSession,
    row: VersionedT,
    changes: Mapping[str, Any] = _NOTHING,
    *,
    action: str = "updated",
    note: Mapping[str, Any] = _NOTHING,
) -> Iterator[Mapping[str, Any]]:
    """Make the changes to a locked row and yield what was there before of all that differs; the block does what follows.

    When the block ends, a row that is another than before gets its next version, and the audit log what differs, with `note`.
    When it raises, the row is already changed and nobody is told: that ends the transaction, and is not caught within it.
    """
    columns, kept = _columns(row), row.audited()
    before = {name: getattr(row, name) for name, value in changes.items() if getattr(row, name) != value}
    for name in before:
        setattr(row, name, changes[name])
    yield before
    if _columns(row) == columns:
        return
    touch(session, row)
    now = row.audited()
    differing = [name for name in now if now[name] != kept[name]]
    tell(
        session,
        row,
        action,
        before={name: kept[name] for name in differing},
        after={name: now[name] for name in differing} | dict(note),
    )


def change(session: AsyncSession, row: VersionedT, changes: Mapping[str, Any]) -> VersionedT:
    """Make the changes to a locked row that nothing else follows from."""
    with changing(session, row, changes):
        return row


def _columns(row: Versioned) -> dict[str, Any]:
    state: Any = inspect(row)
    names = (attribute.key for attribute in state.mapper.column_attrs)
    return {name: state.dict[name] for name in names if name in state.dict and name not in _UNTOLD}


def touch(session: AsyncSession, row: Versioned) -> None:
    """Give a locked row its next version: alone, for what the service changes by itself, which nobody is asked about."""
    row.version += 1
    row.updated_at = clock_of(session).now()


async def delete(session: AsyncSession, row: Versioned) -> None:
    """Delete a locked row and tell the audit log; its events, which are in the stream of its name, end with this transaction's."""
    tell(session, row, "deleted", before=row.audited())
    if isinstance(row, Resource):  # what has another name than an id may come back under it, and is numbered on then
        outbox.end_streams(session, row.subject.partition("/")[0], [row.id])
    await session.delete(row)


def tell(
    session: AsyncSession,
    row: Versioned,
    action: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Tell the audit log what was done to a row, as `<table>.<action>`."""
    kind = row.subject.partition("/")[0]
    audit.record(session, f"{kind}.{action}", row.subject, before=before, after=after)
