"""What is read of files of events, and of the pieces they are kept in."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Select, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_metrics.event_imports.models import EventImport, EventImportChunk, EventImportRow
from opsloop_metrics.event_imports.rules import OPEN, Stage

NEWEST_FIRST = (EventImport.created_at.desc(), EventImport.id.desc())


def imports(session: AsyncSession) -> Select[EventImport]:
    """Return the query for the workspace's files."""
    return select(EventImport).where(EventImport.workspace == context_of(session).workspace)


async def get_import(session: AsyncSession, import_id: UUID) -> EventImport:
    """Return a file of the workspace; raises NotFound."""
    return _there((await session.scalars(imports(session).where(EventImport.id == import_id))).one_or_none())


async def lock_import(session: AsyncSession, import_id: UUID) -> EventImport:
    """Return a file of the workspace, locked until the transaction ends; raises NotFound."""
    found = imports(session).where(EventImport.id == import_id).with_for_update(key_share=True)
    return _there((await session.scalars(found.execution_options(populate_existing=True))).one_or_none())


def _there(found: EventImport | None) -> EventImport:
    if found is None:
        raise NotFound.of("import")
    return found


async def count_open(session: AsyncSession) -> int:
    """Return how many files of the workspace are being uploaded or read."""
    query = select(func.count()).where(
        EventImport.workspace == context_of(session).workspace, EventImport.stage.in_(OPEN)
    )
    return int((await session.execute(query)).scalar_one())


async def some_forgotten(session: AsyncSession, before: datetime, *, limit: int) -> list[EventImport]:
    """Lock and return files whose upload began before a time and was never ended."""
    query = imports(session).where(EventImport.stage == Stage.UPLOADING, EventImport.created_at < before)
    return list(await session.scalars(query.limit(limit).with_for_update(skip_locked=True)))


async def piece(session: AsyncSession, import_id: UUID, at: int, *, chunks: int) -> bytes:
    """Return what a file has from a byte on, as much as some chunks hold."""
    last = (
        select(func.max(EventImportChunk.start))
        .where(EventImportChunk.import_id == import_id, EventImportChunk.start <= at)
        .scalar_subquery()
    )
    query = (
        select(EventImportChunk.start, EventImportChunk.data)
        .where(EventImportChunk.import_id == import_id, EventImportChunk.start >= last)
        .order_by(EventImportChunk.start)
        .limit(chunks)
    )
    rows = (await session.execute(query)).all()
    return b"".join(row.data for row in rows)[at - rows[0].start :] if rows else b""


async def rows_before(session: AsyncSession, import_id: UUID, keys: Collection[int]) -> dict[int, int]:
    """Return how many rows of a file said the same so far, by their keys; those of which none did are left out."""
    query = select(EventImportRow.key, EventImportRow.count).where(
        EventImportRow.import_id == import_id, EventImportRow.key == any_(literal(list(keys), ARRAY(BigInteger)))
    )
    return {key: int(count) for key, count in await session.execute(query)}
