"""What is read of files of posts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_feedback.feedback_imports.models import FeedbackImport, FeedbackImportError
from opsloop_feedback.feedback_imports.rules import Stage

NEWEST_FIRST = (FeedbackImport.created_at.desc(), FeedbackImport.id.desc())
BY_ROW = (FeedbackImportError.row.asc(),)


def imports(session: AsyncSession) -> Select[FeedbackImport]:
    """Return the statement for the workspace's files, to be paged by `NEWEST_FIRST`."""
    return select(FeedbackImport).where(FeedbackImport.workspace == context_of(session).workspace)


async def get_import(session: AsyncSession, import_id: UUID) -> FeedbackImport:
    """Return a file of the workspace; raises NotFound."""
    return _there((await session.scalars(imports(session).where(FeedbackImport.id == import_id))).one_or_none())


async def lock_import(session: AsyncSession, import_id: UUID) -> FeedbackImport:
    """Lock and return a file of the workspace; raises NotFound."""
    found = imports(session).where(FeedbackImport.id == import_id).with_for_update(key_share=True)
    return _there((await session.scalars(found.execution_options(populate_existing=True))).one_or_none())


def _there(found: FeedbackImport | None) -> FeedbackImport:
    if found is None:
        raise NotFound.of("import")
    return found


async def count_open(session: AsyncSession) -> int:
    """Return how many files of the workspace are being read."""
    own = FeedbackImport.workspace == context_of(session).workspace
    query = select(func.count()).where(own, FeedbackImport.stage == Stage.IMPORTING)
    return int((await session.execute(query)).scalar_one())


async def piece(session: AsyncSession, import_id: UUID, at: int, *, length: int) -> bytes:
    """Return so many bytes of a file from one on, or what there is."""
    part = func.substring(FeedbackImport.data, at + 1, length)
    found: bytes = (await session.execute(select(part).where(FeedbackImport.id == import_id))).scalar_one()
    return bytes(found)


def errors_of(session: AsyncSession, import_id: UUID) -> Select[FeedbackImportError]:
    """Return the statement for a file's refused rows, to be paged by `BY_ROW`."""
    own = FeedbackImportError.workspace == context_of(session).workspace
    return select(FeedbackImportError).where(own, FeedbackImportError.import_id == import_id)


async def ended_before(session: AsyncSession, before: datetime, *, limit: int) -> Sequence[FeedbackImport]:
    """Lock and return files that ended before a time."""
    own = imports(session).where(FeedbackImport.finished_at < before, FeedbackImport.stage != Stage.UNDOING)
    return (await session.scalars(own.limit(limit).with_for_update(skip_locked=True))).all()
