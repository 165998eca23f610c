"""Use cases of competitors: keep them and their series, take points, pull them, tell of changes, compare with ours.

A series' row is locked by whatever adds points to it: which is the newest, and whether it is news, is asked one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, outbox, resources, workspaces
from opsloop_common.contracts.metrics import CompetitorChanged
from opsloop_common.db import clock_of, ports_of
from opsloop_common.errors import Conflict, Invalid, NotFound, TooMany
from opsloop_common.http.schemas import parse_duration
from opsloop_common.outbound.client import Answer, BadUrl, OutboundClient, OutboundError, check_url
from opsloop_common.outbound.wire import Bounds
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_metrics.competitors import queries, rules
from opsloop_metrics.competitors.models import Competitor, CompetitorSeries
from opsloop_metrics.competitors.rules import Compared
from opsloop_metrics.insights.periods import midnight
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.series_files import rules as files
from opsloop_metrics.series_files.rules import Point, Unusable

USER_AGENT = "OpsLoop-Series/1"
PULLED = Bounds(answer_bytes=2 * rules.PULLED_BYTES, body_bytes=rules.PULLED_BYTES)
_PUT = text(
    "INSERT INTO competitor_point AS p (series_id, workspace, at, value) "
    "SELECT CAST(:series_id AS uuid), :workspace, * FROM unnest(CAST(:times AS timestamptz[]), CAST(:values AS float8[])) "
    "ON CONFLICT (series_id, at) DO UPDATE SET value = excluded.value WHERE p.value <> excluded.value "
    "RETURNING xmax = 0 AS is_new"
)


@dataclass(frozen=True)
class Order:
    """What to ask for one series: taken back when its source is another by the time of the answer."""

    series_id: UUID
    source: Mapping[str, Any]
    every: timedelta


async def create_competitor(session: AsyncSession, fields: Mapping[str, Any]) -> Competitor:
    """Keep a competitor; raises TooMany."""
    await workspaces.take_place(
        session, Competitor.__table__, most=limits.COMPETITORS_PER_WORKSPACE, what="competitors"
    )
    return resources.create(session, Competitor, **fields)


async def change_competitor(
    session: AsyncSession, competitor_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Competitor:
    """Change a competitor; raises NotFound, StaleVersion."""
    return resources.change(session, await queries.lock_competitor(session, competitor_id, expected), changes)


async def delete_competitor(session: AsyncSession, competitor_id: UUID, *, expected: Precondition) -> None:
    """Throw a competitor away with its series and their points."""
    await resources.delete(session, await queries.lock_competitor(session, competitor_id, expected))


async def create_series(
    session: AsyncSession, competitor_id: UUID, key: str, fields: Mapping[str, Any]
) -> CompetitorSeries:
    """Follow a number of a competitor; raises NotFound, Conflict for a key that is taken, Invalid, TooMany."""
    competitor = await queries.get_competitor(session, competitor_id)
    taken = Conflict(f"the key {key} is taken; give another, or change the series that has it (PATCH)")
    if await queries.is_taken(session, competitor.id, key):
        raise taken
    await workspaces.take_place(
        session, CompetitorSeries.__table__, most=limits.COMPETITOR_SERIES_PER_WORKSPACE, what="series"
    )
    none = dict.fromkeys(("told_at", "pull_at", "pulled_at", "last_error"))
    series = resources.create(session, CompetitorSeries, **none | dict(fields), competitor_id=competitor.id, key=key)
    if series.source is not None:
        await _pull_from(session, series)
    try:
        await session.flush()  # the unique key decides between two who come at once
    except IntegrityError as error:
        raise taken from error
    return series


async def change_series(
    session: AsyncSession, competitor_id: UUID, key: str, changes: Mapping[str, Any], *, expected: Precondition
) -> CompetitorSeries:
    """Change a series; one with another source is pulled soon. Raises NotFound, StaleVersion, Invalid, TooMany."""
    if changes.get("source") is not None:
        await workspaces.lock(session)  # those that are pulled are counted one after the other
    series = await queries.lock_series(session, competitor_id, key, expected)
    with changing(session, series, changes) as before:
        if "source" in before:
            series.pull_at = series.last_error = None
            if series.source is not None:
                await _pull_from(session, series)
    return series


async def _pull_from(session: AsyncSession, series: CompetitorSeries) -> None:
    """Have a series pulled soon. The caller holds the lock of the workspace's settings."""
    source: dict[str, Any] = series.source or {}
    rules.require_source(source, _every(source))
    try:
        check_url(source["url"], ports_of(session, MetricsPorts).outbound.policy)
    except BadUrl as error:
        raise Invalid("/source/url", str(error)) from error
    with session.no_autoflush:
        if await queries.count_pulled(session, but=series.id) >= limits.COMPETITOR_SERIES_PULLED:
            raise TooMany(
                f"a workspace pulls at most {limits.COMPETITOR_SERIES_PULLED} series; post the points of another"
            )
    series.pull_at = clock_of(session).now()


def _every(source: Mapping[str, Any]) -> timedelta:
    return parse_duration(source["every"])


async def delete_series(session: AsyncSession, competitor_id: UUID, key: str, *, expected: Precondition) -> None:
    """Throw a series away with its points."""
    await resources.delete(session, await queries.lock_series(session, competitor_id, key, expected))


async def add_points(
    session: AsyncSession,
    competitor_id: UUID,
    key: str,
    points: Sequence[Point],
    *,
    pointer: Callable[[int], str] = "/points/{}/at".format,
) -> tuple[int, int]:
    """Take points; one for a moment that has one corrects it. Returns how many are new and how many were corrected.

    Raises NotFound, Invalid for points of one time or ahead of the clock, TooMany.
    """
    rules.require_points(points, clock_of(session).now(), pointer)
    series = await queries.lock_series(session, competitor_id, key, ANY_VERSION)
    return await _put(session, series, points)


async def _put(session: AsyncSession, series: CompetitorSeries, points: Sequence[Point]) -> tuple[int, int]:
    added = len(points) - await queries.count_points_at(session, series.id, [point.at for point in points])
    if added and await queries.count_points(session, series.id) + added > limits.COMPETITOR_POINTS:
        raise TooMany(f"a series has at most {limits.COMPETITOR_POINTS:,} points; begin another")
    rows = {
        "series_id": series.id,
        "workspace": series.workspace,
        "times": [point.at for point in points],
        "values": [point.value for point in points],
    }
    is_new = [row.is_new for row in await session.execute(_PUT, rows)]
    if is_new:
        await _tell(session, series, max(point.at for point in points))
    return sum(is_new), len(is_new) - sum(is_new)


async def _tell(session: AsyncSession, series: CompetitorSeries, newest_at: datetime) -> None:
    """Tell of the newest point once, when it came now and differs enough from the one before."""
    found = await queries.last_two(session, series.id)
    if series.alert_change is None or len(found) < 2 or found[0].at != newest_at:
        return
    latest, previous = found
    is_told = series.told_at is not None and latest.at <= series.told_at
    if is_told or not rules.is_news(previous.value, latest.value, series.alert_change):
        return
    series.told_at = latest.at
    competitor = await queries.get_competitor(session, series.competitor_id)
    outbox.append(
        session,
        CompetitorChanged(
            competitor_id=competitor.id,
            competitor=competitor.name,
            series=series.key,
            series_name=series.name,
            unit=series.unit,
            value=latest.value,
            previous=previous.value,
            change=rules.change(previous.value, latest.value),
            at=latest.at,
            previous_at=previous.at,
        ),
    )


async def zone(session: AsyncSession) -> ZoneInfo:
    """Return the zone in which a time without an offset is read: the workspace's."""
    return ZoneInfo((await workspaces.get(session)).time_zone)


async def orders(session: AsyncSession) -> list[Order]:
    """Return what to ask for now, a few at a time."""
    found = await queries.due_series(session, clock_of(session).now(), most=rules.PULLED_AT_ONCE)
    return [Order(series.id, series.source, _every(series.source)) for series in found if series.source is not None]


async def ask(client: OutboundClient, order: Order) -> Answer | str:
    """Return what the other side answered, or why there is nothing to read. No transaction is open meanwhile."""
    accept = "application/json" if order.source["format"] == "json" else "text/csv"
    try:
        answer = await client.get(order.source["url"], {"accept": accept, "user-agent": USER_AGENT})
    except OutboundError as error:
        return error.detail
    if not 200 <= answer.status < 300:
        return f"It answered with status {answer.status}."
    if answer.flaw is not None:
        return answer.flaw
    if len(answer.body) >= client.bounds.body_bytes:
        return f"The answer was longer than {client.bounds.body_bytes // 1024} KiB."
    if answer.headers.get("content-encoding", "identity") != "identity":
        return "The answer was compressed, which was not asked for."
    return answer


async def take_answer(session: AsyncSession, order: Order, answer: Answer | str, zone: tzinfo) -> None:
    """Keep what was pulled, or why nothing was; a series that is gone or comes from elsewhere by now is left alone."""
    series = await queries.find_series_for_change(session, order.series_id)
    if series is None or series.source != order.source:
        return
    now = clock_of(session).now()
    series.last_error = answer if isinstance(answer, str) else await _take(session, series, answer, zone)
    series.pulled_at = now
    series.pull_at = rules.next_pull(order.every, now, failed=series.last_error is not None)


async def _take(session: AsyncSession, series: CompetitorSeries, answer: Answer, zone: tzinfo) -> str | None:
    """Keep the points of an answer; returns why there are none, before anything is written."""
    now = clock_of(session).now()
    try:
        points = files.read_answer(series.source or {}, answer.body, now=now, zone=zone)
        await _put(session, series, [point for point in points if point.at <= now + rules.CLOCK_SKEW])
    except (Unusable, TooMany) as error:
        return str(error)
    return None


async def compare(
    session: AsyncSession, series: CompetitorSeries, kpi: str, *, first: date | None, last: date | None
) -> tuple[list[date], int | None, list[Compared]]:
    """Return the days, the place of the one that is 100 (null: none), and both numbers of each day in the workspace's zone.

    Raises Invalid for a KPI that is not there or keeps no value for each day, and for days that make no sense.
    """
    zone = (await workspaces.get(session)).time_zone
    days = rules.days_between(first, last, today=rules.day_of(clock_of(session).now(), zone))
    try:
        ours = await kpis.get(session, kpi)
    except NotFound as error:
        raise Invalid("/query/kpi", "is no KPI of this workspace") from error
    rules.require_daily(ours)
    edges = [midnight(day, zone) for day in (*days, days[-1] + timedelta(days=1))]
    theirs = await queries.latest_by_day(session, series.id, edges)
    values = await kpis.series(session, ours, edges)
    base, compared = rules.compare([value for value, _ in values], theirs)
    return days, base, compared
