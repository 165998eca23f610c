"""What is read of downloads."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_metrics.store_downloads.models import StoreDownload
from opsloop_metrics.store_downloads.rules import Downloads, Span

# days are numbers (since 1970) where pages go on from one
_EPOCH: ColumnElement[Any] = literal_column("DATE '1970-01-01'")
_SUM = cast(func.sum(StoreDownload.downloads), StoreDownload.downloads.type).label("downloads")
_STARTS: dict[Span, ColumnElement[Any]] = {
    span: cast(func.date_trunc(literal_column(f"'{span}'"), StoreDownload.day), StoreDownload.day.type) - _EPOCH
    for span in Span
}
BY_SPAN = {span: (cast(start, Integer).desc(),) for span, start in _STARTS.items()}
"""The order of sums, the latest first."""
_DAY = cast(StoreDownload.day - _EPOCH, Integer)
LATEST_FIRST = (_DAY.desc(), StoreDownload.store.asc(), StoreDownload.app.asc(), StoreDownload.country.asc())

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('store_download'), hashtext(:workspace))")


async def lock(session: AsyncSession) -> None:
    """Be the one who changes downloads of the workspace until the transaction ends; what is read from here on is how it is."""
    await session.execute(_LOCK, {"workspace": context_of(session).workspace})


def _chosen(
    session: AsyncSession, *columns: Any, start: date | None, end: date | None, **named: str | None
) -> Select[*tuple[Any, ...]]:
    query = select(*columns).where(StoreDownload.workspace == context_of(session).workspace)
    if start is not None:
        query = query.where(StoreDownload.day >= start)
    if end is not None:
        query = query.where(StoreDownload.day <= end)
    for name, value in named.items():
        query = query if value is None else query.where(getattr(StoreDownload, name) == value)
    return query


def downloads(session: AsyncSession, **chosen: Any) -> Select[*tuple[Any, ...]]:
    """Return the query of downloads by day, store, app and country, from `start` to `end` (both count), for `LATEST_FIRST`."""
    key = (StoreDownload.day, StoreDownload.store, StoreDownload.app, StoreDownload.country)
    return _chosen(session, *key, _SUM, **chosen).group_by(*key)


def sums(session: AsyncSession, span: Span, **chosen: Any) -> Select[*tuple[Any, ...]]:
    """Return the query of downloads by day, week or month, each told by its first day since 1970, for `BY_SPAN`."""
    start = cast(_STARTS[span], Integer)
    return _chosen(session, start.label("place"), _SUM, **chosen).group_by(start)


async def by_day(session: AsyncSession, start: date, end: date) -> list[tuple[date, int]]:
    """Return how many downloads each day from `start` to `end` has that has any row."""
    query = _chosen(session, StoreDownload.day, _SUM, start=start, end=end).group_by(StoreDownload.day)
    return [(day, int(count)) for day, count in await session.execute(query)]


def of(session: AsyncSession, row: Downloads) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of what is kept of a row's day, store, app and country."""
    return (
        StoreDownload.workspace == context_of(session).workspace,
        StoreDownload.day == row.day,
        StoreDownload.store == row.store,
        StoreDownload.app == row.app,
        StoreDownload.country == row.country,
    )
