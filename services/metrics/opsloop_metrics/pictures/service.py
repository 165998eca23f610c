"""Find what pictures of KPIs and objectives show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.db import clock_of
from opsloop_common.errors import Invalid
from opsloop_metrics.alarms import service as alarms
from opsloop_metrics.annotations import service as annotating
from opsloop_metrics.breaches import service as breaches
from opsloop_metrics.charts.rules import Note
from opsloop_metrics.insights.periods import Frame, Interval, WeekStart, frame_of, instant, moved, require_years
from opsloop_metrics.kpi_periods.service import TICK
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Definition, Outline
from opsloop_metrics.monitors import service as monitors
from opsloop_metrics.objectives import service as aiming
from opsloop_metrics.objectives.rules import Days, span_of
from opsloop_metrics.pictures import rules
from opsloop_metrics.pictures.rules import Goal, Part, Point, Portrait, Trouble

_JUDGED_AFTER = timedelta(days=1, hours=2)
"""So long after its begin the last day of a time may be judged, when clocks go back too."""


async def language(session: AsyncSession) -> str:
    """Return the workspace's, as a BCP 47 tag."""
    return (await workspaces.get(session)).locale


async def portrait(
    session: AsyncSession,
    key: str,
    *,
    interval: Interval | None,
    start: date | datetime | None,
    end: date | datetime | None,
) -> Portrait:
    """Return a KPI by intervals of the workspace's calendar, its own periods unless others are asked for; raises NotFound, Invalid."""
    outline = await kpis.outline(session, key)
    frame = await _frame(session, outline.kpi, interval, start, end)
    edges = rules.edges_until(frame)
    points = await _points(session, outline, frame, edges) if edges else []
    troubles = await _troubles(session, outline.kpi, frame, edges[0]) if edges else []
    noted = await annotating.between(session, edges[0], frame.edges[-1]) if edges else []
    return Portrait(
        name=outline.kpi.name,
        unit=outline.kpi.unit,
        is_share=_is_share(outline.kpi),
        frame=frame,
        points=points,
        open_from=next((place for place, each in enumerate(points) if each.end > min(frame.now, frame.end)), None),
        troubles=troubles,
        notes=[Note(each.at, each.text) for each in noted],
    )


async def _troubles(session: AsyncSession, kpi: Definition, frame: Frame, since: datetime) -> list[Trouble]:
    """Return the incidents of a time, those of its last day among them that were judged when that was over."""
    found = []
    for each in await breaches.between(session, kpi.kpi_id, since, moved(frame.end, _JUDGED_AFTER)):
        judged = each.over_to - each.over_from if each.type == "anomaly" and each.over_to and each.over_from else None
        trouble = Trouble(each.severity, each.started_at, each.ended_at, judged)
        if trouble.start - (judged or timedelta()) < frame.end:
            found.append(trouble)
    return found


async def series(
    session: AsyncSession,
    key: str,
    *,
    interval: Interval | timedelta | None,
    start: date | datetime | None,
    end: date | datetime | None,
) -> tuple[Definition, list[Point]]:
    """Return a KPI with its values alone, by intervals of the calendar as in its picture, or of one length; raises NotFound, Invalid."""
    kpi = await kpis.get(session, key)
    if isinstance(interval, timedelta):
        edges = ends = await _even(session, interval, start, end)
    else:
        frame = await _frame(session, kpi, interval, start, end)
        edges, ends = _with_now(rules.edges_until(frame), frame), list(frame.edges)
    found = await kpis.series(session, kpi, edges) if edges else []
    return kpi, [Point(*both, *each) for both, each in zip(zip(edges, ends[1:], strict=False), found, strict=False)]


async def _even(
    session: AsyncSession, length: timedelta, start: date | datetime | None, end: date | datetime | None
) -> list[datetime]:
    if start is None:
        raise Invalid("/from", "is to be said where intervals are of one length")
    require_years({"/from": start, "/to": end})
    zone = (await workspaces.get(session)).time_zone
    until = clock_of(session).now() if end is None else instant(end, zone, whole_day=True)
    return rules.even(instant(start, zone, whole_day=False), until, length)


async def _frame(
    session: AsyncSession,
    kpi: Definition,
    interval: Interval | None,
    start: date | datetime | None,
    end: date | datetime | None,
) -> Frame:
    period = Interval(kpi.period)
    interval = interval or period
    if kpi.measure.is_asked:
        rules.require_kept(interval, period)
    workspace = await workspaces.get(session)
    zone, now = workspace.time_zone, clock_of(session).now()

    def framed(start: date | datetime | None) -> Frame:
        return frame_of(
            workspace=workspace.name,
            now=now,
            zone=zone,
            week_start=WeekStart(workspace.week_start),
            interval=interval,
            start=start,
            end=end,
        )

    return framed(start or rules.since(framed(None).edges[-2], interval, zone))


async def _points(session: AsyncSession, outline: Outline, frame: Frame, edges: Sequence[datetime]) -> list[Point]:
    kpi, zone = outline.kpi, ZoneInfo(frame.zone)
    found = await kpis.series(session, kpi, _with_now(edges, frame))
    expected = await _expected(session, kpi, frame.interval, edges[:-1])
    return [
        Point(begin, end, value, samples, outline.target_on(begin.astimezone(zone).date()), low, high)
        for (begin, _), end, (value, samples), (low, high) in zip(
            pairwise(edges), frame.edges[1:], found, expected, strict=False
        )
    ]


def _with_now(edges: Sequence[datetime], frame: Frame) -> list[datetime]:
    """Return edges of which the last is just after now, where an interval is cut now: what is of this moment is there already."""
    is_cut = bool(edges) and edges[-1] == frame.now and edges[-1] not in frame.edges
    return [*edges[:-1], edges[-1] + TICK] if is_cut else list(edges)


async def _expected(
    session: AsyncSession, kpi: Definition, interval: Interval, starts: Sequence[datetime]
) -> list[tuple[float | None, float | None]]:
    """Return between which each value was expected, where a monitor of anomalies says so: as that judges, when it is over."""
    unusual = await monitors.unusual_of(session, kpi.kpi_id, interval)
    found = {} if unusual is None else await alarms.expected(session, kpi, unusual, starts)
    said = [found.get(start.astimezone(UTC)) for start in starts]
    return [(None, None) if each is None else (each.low, each.high) for each in said]


def _is_share(kpi: Definition) -> bool:
    """Say whether a KPI is a part of one, told in percent."""
    of_events = [part.aggregate for part in kpi.measure.parts]
    return kpi.unit == rules.SHARE or (kpi.unit is None and of_events == ["share"])


async def goal(session: AsyncSession, objective_id: UUID) -> Goal:
    """Return an objective with its key results, or where it has none with those below it; raises NotFound."""
    objective, results, below = await aiming.with_parts(session, objective_id)
    zone = (await workspaces.get(session)).time_zone
    span = span_of(Days(objective.first_day, objective.last_day), zone)
    return Goal(
        title=objective.title,
        state=objective.state,
        progress=objective.progress,
        pace=objective.pace,
        start=span.start,
        end=span.end,
        zone=zone,
        parts=[
            Part(
                title=each.title,
                state=each.state,
                progress=each.progress,
                kpi=each.kpi,
                value=each.value,
                start=each.start,
                target=each.target,
                weight=each.weight,
                unit=each.unit,
            )
            for each in results
        ]
        or [Part(each.title, each.state, each.progress) for each in below],
    )
