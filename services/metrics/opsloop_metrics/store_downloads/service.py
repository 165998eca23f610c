"""Use cases of downloads: take in a row of a report, the latest file's in place of earlier ones; take back what a file brought."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_metrics.store_downloads import queries
from opsloop_metrics.store_downloads.models import StoreDownload
from opsloop_metrics.store_downloads.rules import Downloads

by_day = queries.by_day


async def take_row(session: AsyncSession, row: Downloads, *, import_id: UUID) -> bool:
    """Take in a row of a file; says whether it told anything new.

    Names of files grow with the time at which they came: what an earlier one says of the same day, store, app and country goes,
    and where a later one says something it stays. A row that stands in one file twice counts once. Files wait for each other, so
    that it is so of two that are read side by side.
    """
    await queries.lock(session)
    theirs = queries.of(session, row)
    newer = select(StoreDownload.day).where(*theirs, StoreDownload.import_id > import_id).limit(1)
    if await session.scalar(newer) is not None:
        return False
    await session.execute(delete(StoreDownload).where(*theirs, StoreDownload.import_id < import_id))
    key = {"day": row.day, "store": row.store, "app": row.app, "country": row.country, "detail": row.detail}
    values = {"workspace": context_of(session).workspace, "downloads": row.downloads, "import_id": import_id}
    said = insert(StoreDownload).values(key | values)
    latest = said.on_conflict_do_update(
        constraint="pk_store_download",
        set_={"downloads": said.excluded.downloads},
        where=StoreDownload.downloads != said.excluded.downloads,
    )
    return await session.scalar(latest.returning(StoreDownload.day)) is not None


async def take_back(session: AsyncSession, import_id: UUID) -> int:
    """Take out the rows that a file brought; returns how many. What an earlier file said in their place does not come back."""
    await queries.lock(session)
    gone = delete(StoreDownload).where(StoreDownload.import_id == import_id).returning(StoreDownload.day)
    return len((await session.execute(gone)).all())
