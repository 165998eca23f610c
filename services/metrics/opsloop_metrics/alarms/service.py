"""Look at a KPI for what a monitor watches for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import clock_of, ports_of, settings_of
from opsloop_common.errors import Conflict, NotFound
from opsloop_metrics.alarms import rules
from opsloop_metrics.alarms.lasting import SHOWN_SHARE, lasting
from opsloop_metrics.alarms.rules import Bucket, Condition, Evidence, Expected, Found, Unusual, Watched
from opsloop_metrics.annotations import service as annotating
from opsloop_metrics.events import service as event_store
from opsloop_metrics.events.rules import Reading, changes
from opsloop_metrics.insights.periods import Interval, WeekStart, edges, floor, steps
from opsloop_metrics.kpi_measures.rules import read_measure
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import Period
from opsloop_metrics.kpi_periods.service import TICK
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.measuring import service as measuring
from opsloop_metrics.muting.rules import left_out
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.settings import MetricsSettings
from opsloop_metrics.windows.rules import Calendar, Span, Window, over_at, span, span_before

if TYPE_CHECKING:
    from opsloop_metrics.anomalies import rules as anomalies

Valued = tuple[datetime, float | None]
"""A bucket's start, in the workspace's zone, and its value."""


async def look(session: AsyncSession, watched: Watched, now: datetime) -> Found:
    """Return what a KPI says of a condition. The caller holds the KPI's lock."""
    calendar = await _calendar(session, watched)
    match watched.condition.type:
        case "anomaly":
            return await _judge(session, watched, watched.condition.unusual or Unusual(), calendar, now)
        case "change":
            return await _compare(session, watched, calendar, now)
    here = span(watched.window, now, calendar)
    reading = await _read(session, watched, here)
    found = Found(
        Evidence.NONE,
        reading,
        instants=_instants(watched, reading, calendar, now),
        over=_as_of(watched, reading, here),
        beside=span_before(watched.window, here, calendar)
        if watched.window and not watched.kpi.measure.is_asked
        else None,
    )
    if watched.condition.type == "off_track":
        return await _pace(session, watched, found, calendar, now)
    found = replace(found, evidence=rules.evidence(watched.condition, reading, min_count=watched.min_count))
    if watched.condition.type == "threshold" and isinstance(watched.window, timedelta):
        return await _until_crossed(session, watched, watched.window, found, now)
    return found


async def _until_crossed(
    session: AsyncSession, watched: Watched, window: timedelta, found: Found, now: datetime
) -> Found:
    """Return what was found with when a threshold can be crossed by what leaves, in place of when the first sample leaves."""
    parts, reading = watched.kpi.measure.parts, found.reading
    if len(parts) != 1 or reading.oldest_at is None:
        return found
    [part], leaving = parts, lasting(watched.condition, parts[0].aggregate, reading)
    if leaving == 1:
        return found
    crossed_at, start = None, now - window
    if leaving is not None and reading.oldest_at <= start + rules.NET:  # of all that leave the samples are some
        crossed_at = await event_store.find_nth_at(
            session, part.event, leaving, start=start, end=min(start + rules.NET, now)
        )
    instants = reading.upcoming_at, None if crossed_at is None else max(crossed_at, reading.oldest_at) + window
    shown_until = max(reading.oldest_at + window, now + window / SHOWN_SHARE)
    return replace(found, instants=instants, shown_until=shown_until)


async def value_now(session: AsyncSession, kpi: Definition, window: Window | None) -> float | None:
    """Return a KPI's value over the window that ends now; without one the latest that is kept, of events that of the period that runs."""
    now = clock_of(session).now()
    window = window if window is not None or kpi.measure.is_kept else kpi.period
    watched = Watched(kpi=kpi, condition=Condition("threshold"), window=window)
    return (await _read(session, watched, span(window, now, await _calendar(session, watched)))).value


async def _calendar(session: AsyncSession, watched: Watched) -> Calendar:
    """Return the workspace's calendar, where it matters: what slides knows no days, and most looks are of that kind."""
    if watched.condition.unusual is None and not isinstance(watched.window, Period):
        return Calendar("UTC", WeekStart.MONDAY)
    workspace = await workspaces.get(session)
    return Calendar(workspace.time_zone, WeekStart(workspace.week_start))


async def _read(session: AsyncSession, watched: Watched, over: Span) -> Reading:
    if over.start is not None and not isinstance(watched.window, timedelta):
        return await kpis.read_period(session, watched.kpi, over.start, over.end + TICK)
    last_seen = watched.condition.type == "no_data"
    return await kpis.take_reading(session, watched.kpi, over.length, now=over.end, last_seen=last_seen)


def _instants(watched: Watched, reading: Reading, calendar: Calendar, now: datetime) -> tuple[datetime | None, ...]:
    """Return when a look comes to something else without an event.

    The window is `(now - window, now]`: what happened at t leaves it at t + window exactly. Silence begins at the same
    instant, when the newest sample leaves.
    """
    leaving_at = reading.last_seen_at if watched.condition.type == "no_data" else reading.oldest_at
    leaves_at = leaving_at + watched.window if leaving_at and isinstance(watched.window, timedelta) else None
    return reading.upcoming_at, leaves_at, over_at(watched.window, now, calendar)


def _as_of(watched: Watched, reading: Reading, here: Span) -> Span:
    """Return the time that a reading is of: what was kept may be some minutes old."""
    if not watched.kpi.measure.is_asked or not reading.samples:
        return here
    return Span(here.start, reading.last_seen_at or here.end)


async def _compare(session: AsyncSession, watched: Watched, calendar: Calendar, now: datetime) -> Found:
    window = watched.window or timedelta()
    here = span(window, now, calendar)
    reading = await _read(session, watched, here)
    here = span(window, _as_of(watched, reading, here).end, calendar)
    past = span_before(window, here, calendar)
    before = await _read_before(session, watched, past)
    evidence = rules.evidence_of_change(watched.condition, reading, before, min_count=watched.min_count)
    if isinstance(window, timedelta):
        turning_at = before.oldest_at and before.oldest_at + 2 * window
    else:  # what comes next in the period before counts when this one is as old
        turning_at = before.upcoming_at and before.upcoming_at + (now - past.end)
    expected = None if before.value is None else Expected(before.value)
    instants = *_instants(watched, reading, calendar, now), turning_at
    return Found(evidence, reading, expected, instants, here, past)


async def _read_before(session: AsyncSession, watched: Watched, past: Span) -> Reading:
    """Return what a KPI came to in the time before. What is asked keeps one value a period: it is that of the last one in it."""
    if not watched.kpi.measure.is_asked:
        return await _read(session, watched, past)
    start, end = await periods.period_of(session, past.end - TICK, watched.kpi.period)
    try:
        value = await measuring.value_in(session, watched.kpi, start, min(past.end + TICK, end))
    except (NotFound, Conflict):  # what a formula stands on is gone, or stands on itself
        value = None
    return Reading(value, 1)


async def _pace(session: AsyncSession, watched: Watched, found: Found, calendar: Calendar, now: datetime) -> Found:
    goal = await kpis.goal_now(session, watched.kpi.kpi_id)
    if goal is None:
        return found
    begun = span(watched.window, goal.start, calendar)
    kept = settings_of(session, MetricsSettings).events_kept
    is_kept = watched.kpi.measure.is_kept or (begun.start is not None and begun.start >= now - kept)
    start = (await _read(session, watched, begun)).value if is_kept else None
    evidence = rules.evidence_of_pace(watched.condition, found.reading, start, goal, now, min_count=watched.min_count)
    on_pace = rules.on_pace(start, goal, now)
    expected = None if on_pace is None else Expected(on_pace)
    return replace(found, evidence=evidence, expected=expected, instants=(*found.instants, goal.end))


async def _judge(session: AsyncSession, watched: Watched, unusual: Unusual, calendar: Calendar, now: datetime) -> Found:
    """Judge the newest bucket whose value is known, unless that was done."""
    interval = Interval(unusual.interval)
    running = floor(now - rules.SETTLED, interval, calendar.zone, calendar.week_start)
    next_at = steps(running, 1, interval, calendar.zone) + rules.SETTLED
    rests_until = next_at if watched.kpi.measure.parts else None  # what others report may be late
    nothing = Found(Evidence.NONE, Reading(None, 0), instants=(next_at,), rests_until=rests_until, is_news=False)
    if watched.judged_at is not None and watched.judged_at >= steps(running, -1, interval, calendar.zone):
        return nothing
    first = steps(running, -rules.BUCKETS[unusual.interval], interval, calendar.zone)
    starts = edges(first, running, interval, calendar.zone, calendar.week_start)
    found = await kpis.bucket_values(session, watched.kpi, starts)
    maintained = await ports_of(session, MetricsPorts).muting.maintained(
        session, watched.kpi.key, watched.kpi.tags, starts[0], starts[-1]
    )
    values = rules.known(found, without=left_out(starts, maintained))
    place = rules.newest_known(values, unusual.interval)
    if place is None or (watched.judged_at is not None and starts[place] <= watched.judged_at):
        return nothing
    zone = ZoneInfo(calendar.zone)
    points = [(at.astimezone(zone), value) for at, value in zip(starts, values[: place + 1], strict=False)]
    evidence, expected = await asyncio.to_thread(_judged, watched, unusual, points, found[place][1])
    bucket = Bucket(starts[place], starts[place + 1], unusual.interval)
    usual = rules.usual_place(points, expected, unusual)
    if evidence is Evidence.BAD and expected is not None:
        expected = rules.with_notes(expected, await _noted(session, bucket))
    return Found(
        evidence,
        Reading(*found[place]),
        expected,
        (next_at,),
        over=Span(bucket.at, bucket.end),
        beside=None if usual is None else Span(starts[usual], starts[usual + 1]),
        bucket=bucket,
        rests_until=rests_until,
    )


async def _noted(session: AsyncSession, bucket: Bucket) -> list[str]:
    """Return what was noted in a bucket, and in as long before it, nearest to its begin: it may be why."""
    since = bucket.at - (bucket.end - bucket.at)
    found = await annotating.around(session, bucket.at, since, bucket.end, most=rules.MOST_NOTED)
    return [each.text for each in found]


async def expected(
    session: AsyncSession, kpi: Definition, unusual: Unusual, starts: Sequence[datetime]
) -> dict[datetime, Expected]:
    """Return what was expected of the days or hours that begin then, by their starts in UTC: of those that are over, as they are judged."""
    workspace = await workspaces.get(session)
    zone, week_start = workspace.time_zone, WeekStart(workspace.week_start)
    interval, running = Interval(unusual.interval), clock_of(session).now() - rules.SETTLED
    first = steps(starts[0], -rules.BUCKETS[unusual.interval], interval, zone)
    until = min(steps(starts[-1], 1, interval, zone), floor(running, interval, zone, week_start))
    if until <= starts[0]:
        return {}
    begun = edges(first, until, interval, zone, week_start)
    values = rules.known(await kpis.bucket_values(session, kpi, begun))
    points = [(at.astimezone(ZoneInfo(zone)), value) for at, value in zip(begun, values, strict=False)]
    return await asyncio.to_thread(_all_expected, kpi, unusual, points)


def _all_expected(kpi: Definition, unusual: Unusual, points: Sequence[Valued]) -> dict[datetime, Expected]:
    from opsloop_metrics.anomalies import rules as anomalies

    judged = anomalies.judge_all(itertools.starmap(anomalies.Point, points), _options(kpi, unusual, points))
    return {
        each.at.astimezone(UTC): Expected(each.expected, each.low, each.high)
        for each in judged
        if each.expected is not None
    }


def _options(kpi: Definition, unusual: Unusual, points: Sequence[Valued]) -> anomalies.Options:
    from opsloop_metrics.anomalies import rules as anomalies

    return anomalies.Options(
        interval=unusual.interval,
        direction=unusual.direction,
        sensitivity=unusual.sensitivity,
        is_count=rules.is_count(kpi.measure, [value for _, value in points]),
        min_absolute=unusual.min_absolute,
        min_relative=unusual.min_relative,
        excluded=frozenset(unusual.excluded),
    )


def _judged(
    watched: Watched, unusual: Unusual, points: Sequence[Valued], samples: int
) -> tuple[Evidence, Expected | None]:
    """Judge the last of some values; aside, for it loads numpy the first time."""
    from opsloop_metrics.anomalies import rules as anomalies  # 25 MB, for those who watch for anomalies

    at, value = points[-1]
    history = itertools.starmap(anomalies.Point, points[:-1])
    judged = anomalies.judge(history, value or 0.0, at, _options(watched.kpi, unusual, points))
    evidence = rules.evidence_of_bucket(
        None if judged.expected is None else judged.is_outside,
        is_anomaly=judged.is_anomaly,
        is_alarmed=watched.is_alarmed,
        samples=samples,
        min_count=watched.min_count,
    )
    if judged.expected is None:
        return evidence, None
    words = {language: anomalies.words(judged, language) for language in ("en", "zh")}
    return evidence, Expected(judged.expected, judged.low, judged.high, words)


async def ids_changed_by(session: AsyncSession, events: Sequence[Event]) -> list[UUID]:
    """Return the ids of the KPIs whose value one of the events can change."""
    of_type: dict[str, list[Event]] = {}
    for event in events:
        of_type.setdefault(event.type, []).append(event)
    return [
        kpi_id
        for kpi_id, measure in await kpis.reading(session, sorted(of_type))
        if any(changes(event, part) for part in read_measure(measure).parts for event in of_type.get(part.event, ()))
    ]
