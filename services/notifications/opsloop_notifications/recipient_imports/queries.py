"""What is read of files of recipients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.recipient_imports.models import RecipientImport, RecipientImportError, RecipientImportRow
from opsloop_notifications.recipient_imports.rules import Stage

NEWEST_FIRST = (RecipientImport.created_at.desc(), RecipientImport.id.desc())
BY_ROW = (RecipientImportError.row.asc(),)


def imports(session: AsyncSession) -> Select[RecipientImport]:
    """Return the statement for the workspace's files, to be paged by `NEWEST_FIRST`."""
    return select(RecipientImport).where(RecipientImport.workspace == context_of(session).workspace)


async def get_import(session: AsyncSession, import_id: UUID) -> RecipientImport:
    """Return a file of the workspace; raises NotFound."""
    return _there((await session.scalars(imports(session).where(RecipientImport.id == import_id))).one_or_none())


async def lock_import(session: AsyncSession, import_id: UUID) -> RecipientImport:
    """Lock and return a file of the workspace; raises NotFound."""
    found = imports(session).where(RecipientImport.id == import_id).with_for_update(key_share=True)
    return _there((await session.scalars(found.execution_options(populate_existing=True))).one_or_none())


def _there(found: RecipientImport | None) -> RecipientImport:
    if found is None:
        raise NotFound.of("import")
    return found


async def count_open(session: AsyncSession) -> int:
    """Return how many files of the workspace are being read."""
    own = RecipientImport.workspace == context_of(session).workspace
    query = select(func.count()).where(own, RecipientImport.stage == Stage.IMPORTING)
    return int((await session.execute(query)).scalar_one())


async def piece(session: AsyncSession, import_id: UUID, at: int, *, length: int) -> bytes:
    """Return so many bytes of a file from one on, or what there is."""
    part = func.substring(RecipientImport.data, at + 1, length)
    found: bytes = (await session.execute(select(part).where(RecipientImport.id == import_id))).scalar_one()
    return bytes(found)


def errors_of(session: AsyncSession, import_id: UUID) -> Select[RecipientImportError]:
    """Return the statement for a file's refused rows, to be paged by `BY_ROW`."""
    own = RecipientImportError.workspace == context_of(session).workspace
    return select(RecipientImportError).where(own, RecipientImportError.import_id == import_id)


async def next_taken(session: AsyncSession, import_id: UUID, *, after: str, limit: int) -> Sequence[RecipientImportRow]:
    """Return some of what a file did to people, in the order of their ids, past one of them."""
    rows = select(RecipientImportRow).where(
        RecipientImportRow.workspace == context_of(session).workspace,
        RecipientImportRow.import_id == import_id,
        RecipientImportRow.user_id > after,
    )
    return (await session.scalars(rows.order_by(RecipientImportRow.user_id).limit(limit))).all()


async def ended_before(session: AsyncSession, before: datetime, *, limit: int) -> Sequence[RecipientImport]:
    """Lock and return files that ended before a time."""
    own = imports(session).where(RecipientImport.finished_at < before, RecipientImport.stage != Stage.UNDOING)
    return (await session.scalars(own.limit(limit).with_for_update(skip_locked=True))).all()
