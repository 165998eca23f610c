"""Everything that reads competitors, series and points."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Row, Select, any_, func, literal, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_metrics.competitors.models import Competitor, CompetitorPoint, CompetitorSeries

NEWEST_FIRST = (Competitor.id.desc(),)
OLDEST_FIRST = (CompetitorSeries.id.asc(),)
LATEST_FIRST = (CompetitorPoint.at.desc(),)


async def get_competitor(session: AsyncSession, competitor_id: UUID) -> Competitor:
    """Return a competitor; raises NotFound."""
    return await resources.get(session, Competitor, Competitor.id == competitor_id)


async def lock_competitor(session: AsyncSession, competitor_id: UUID, expected: Precondition) -> Competitor:
    """Lock and return a competitor in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Competitor, Competitor.id == competitor_id, expected=expected)


def competitors(*, text: str | None) -> Select[Competitor]:
    """Return the query of the workspace's competitors, with a text in name or notes where given."""
    query = select(Competitor)
    if text is None:
        return query
    columns = (Competitor.name, Competitor.notes)
    return query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))


async def get_series(session: AsyncSession, competitor_id: UUID, key: str) -> CompetitorSeries:
    """Return a series of a competitor by its key; raises NotFound."""
    await get_competitor(session, competitor_id)
    return await resources.get(
        session, CompetitorSeries, CompetitorSeries.competitor_id == competitor_id, CompetitorSeries.key == key
    )


async def lock_series(session: AsyncSession, competitor_id: UUID, key: str, expected: Precondition) -> CompetitorSeries:
    """Lock and return a series of a competitor in the version expected; raises NotFound, StaleVersion."""
    await get_competitor(session, competitor_id)
    return await resources.lock_for_change(
        session,
        CompetitorSeries,
        CompetitorSeries.competitor_id == competitor_id,
        CompetitorSeries.key == key,
        expected=expected,
    )


async def find_series_for_change(session: AsyncSession, series_id: UUID) -> CompetitorSeries | None:
    """Lock and return a series; None when it is gone."""
    return await resources.find_for_change(session, CompetitorSeries, CompetitorSeries.id == series_id)


def series_of(competitor_id: UUID) -> Select[CompetitorSeries]:
    """Return the query of a competitor's series."""
    return select(CompetitorSeries).where(CompetitorSeries.competitor_id == competitor_id)


async def is_taken(session: AsyncSession, competitor_id: UUID, key: str) -> bool:
    """Say whether a competitor has a series of that key."""
    return await session.scalar(series_of(competitor_id).where(CompetitorSeries.key == key)) is not None


async def count_pulled(session: AsyncSession, *, but: UUID) -> int:
    """Return how many series of the workspace are pulled beside one."""
    pulled = CompetitorSeries.source.is_not(None), CompetitorSeries.id != but
    query = select(func.count()).select_from(CompetitorSeries).where(*pulled)
    return (await session.scalars(query)).one()


async def due_series(session: AsyncSession, now: datetime, *, most: int) -> Sequence[CompetitorSeries]:
    """Return some of the workspace's series whose turn to be pulled has come, the longest due first."""
    query = (
        select(CompetitorSeries)
        .where(CompetitorSeries.workspace == context_of(session).workspace, CompetitorSeries.pull_at <= now)
        .order_by(CompetitorSeries.pull_at)
        .limit(most)
    )
    return (await session.scalars(query)).all()


def points(series_id: UUID, *, start: datetime | None, end: datetime | None) -> Select[CompetitorPoint]:
    """Return the query of a series' points with `at` in `[start, end)`."""
    query = select(CompetitorPoint).where(CompetitorPoint.series_id == series_id)
    if start is not None:
        query = query.where(CompetitorPoint.at >= start)
    return query if end is None else query.where(CompetitorPoint.at < end)


async def count_points(session: AsyncSession, series_id: UUID) -> int:
    """Return how many points a series has."""
    query = select(func.count()).select_from(CompetitorPoint).where(CompetitorPoint.series_id == series_id)
    return (await session.scalars(query)).one()


async def count_points_at(session: AsyncSession, series_id: UUID, times: Sequence[datetime]) -> int:
    """Return how many points a series has at some times."""
    at = CompetitorPoint.at == any_(literal(list(times), ARRAY(DateTime(timezone=True))))
    query = select(func.count()).select_from(CompetitorPoint).where(CompetitorPoint.series_id == series_id, at)
    return (await session.scalars(query)).one()


async def last_two(session: AsyncSession, series_id: UUID) -> Sequence[Row[datetime, float]]:
    """Return (at, value) of the latest point and of the one before, as far as there are any."""
    query = select(CompetitorPoint.at, CompetitorPoint.value).where(CompetitorPoint.series_id == series_id)
    return (await session.execute(query.order_by(*LATEST_FIRST).limit(2))).all()


_BY_DAY = text(
    "SELECT day, (array_agg(value ORDER BY at DESC))[1] AS value FROM ("
    "  SELECT at, value, width_bucket(at, CAST(:edges AS timestamptz[])) AS day FROM competitor_point"
    "  WHERE series_id = :series_id AND at >= :start AND at < :end"
    ") AS p GROUP BY day"
)


async def latest_by_day(session: AsyncSession, series_id: UUID, edges: Sequence[datetime]) -> list[float | None]:
    """Return the latest value of each interval `[edges[i], edges[i + 1])`, null where there is none."""
    rows = await session.execute(
        _BY_DAY, {"series_id": series_id, "edges": list(edges), "start": edges[0], "end": edges[-1]}
    )
    found = {row.day: row.value for row in rows}
    return [found.get(place) for place in range(1, len(edges))]
