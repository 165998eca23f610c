"""Explain a KPI's change; and keep with an incident, when it opened, what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.contracts.fields import fields_of
from opsloop_common.errors import Conflict, NotFound
from opsloop_metrics.breaches import service as breaches
from opsloop_metrics.breaches.rules import Opened
from opsloop_metrics.events import service as event_store
from opsloop_metrics.explanations import queries, rules
from opsloop_metrics.explanations.rules import Explanation, Spans, TrendQuestion
from opsloop_metrics.insights.asking import open_frame
from opsloop_metrics.insights.periods import Timed, WeekStart
from opsloop_metrics.kpi_measures.rules import Asked
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Definition
from opsloop_metrics.saved_insights import service as saved_insights
from opsloop_metrics.windows.rules import Span


async def spans(
    session: AsyncSession,
    start: date | datetime,
    end: date | datetime,
    compare_start: date | datetime | None,
    compare_end: date | datetime | None,
) -> Spans:
    """Return the times to compare, in days of the workspace's zone where days are named. Raises Invalid."""
    return rules.spans_in((await workspaces.get(session)).time_zone, start, end, compare_start, compare_end)


async def explain(session: AsyncSession, kpi: Definition, spans: Spans, *, by: str | None = None) -> Explanation:
    """Return by which fields (or by that one) a KPI's change from one time to another goes.

    Raises Invalid for a field that its events do not have, and for insights TooHeavy, StoreUnavailable, Conflict.
    """
    why = rules.undivided(kpi.measure)
    if why is not None:
        return await _whole(session, kpi, spans, why)
    if kpi.measure.insight is not None:
        return await _explain_insight(session, kpi, kpi.measure.insight, spans, by)
    parts = kpi.measure.parts
    fields = rules.fields_of(parts, sorted(set.intersection(*(set(fields_of(each.event)) for each in parts))))
    if by is not None:
        rules.require_data_field(by, kpi.measure.event_types)
        fields = [by]
    if rules.is_ranked(kpi.measure):
        return await _explain_ranked(session, kpi, spans, fields)
    before, after = (spans.compare_start, spans.compare_end), (spans.start, spans.end)
    sides = [await event_store.divided(session, each, fields, before=before, after=after) for each in parts]
    found = sides[0] if len(sides) == 1 else rules.joined(*sides, most=event_store.MOST_VALUES)
    return rules.explain(spans, fields, found, is_quotient=rules.is_quotient(kpi.measure))


async def _explain_ranked(session: AsyncSession, kpi: Definition, spans: Spans, fields: Sequence[str]) -> Explanation:
    """Explain a median by the part of its numbers that lies above the middle of its way: that is what moved it."""
    whole = await _whole(session, kpi, spans, "no_value")
    above = rules.midway(whole.before, whole.after)
    if above is None:
        return whole
    before, after = (spans.compare_start, spans.compare_end), (spans.start, spans.end)
    [part] = kpi.measure.parts
    found = await event_store.divided(session, part, fields, before=before, after=after, above=above)
    divided = rules.explain(spans, fields, found, is_quotient=True)
    return rules.ranked(divided, whole.before, whole.after, above)


async def _explain_insight(
    session: AsyncSession, kpi: Definition, asked: Asked, spans: Spans, by: str | None
) -> Explanation:
    try:
        _, question = await saved_insights.question(session, asked.insight_id)
    except NotFound as error:  # from before it was kept from being deleted
        raise Conflict("the insight of this KPI is gone; give it another measure (PATCH)") from error
    trend = question if isinstance(question, TrendQuestion) else None
    series = None if trend is None else rules.series_of(trend.to_trend(), asked.path)
    if trend is None or series is None:
        return await _whole(session, kpi, spans, "insight")
    if by is not None:
        rules.require_product_field(by)
    fields = list(rules.OF_PRODUCTS) if by is None else [by]
    frame = await open_frame(
        session,
        interval=None,
        start=spans.compare_start,
        end=spans.end,
        zone=trend.time_zone,
        week_start=None,
        where=tuple(trend.where),
        include_filtered=trend.include_filtered,
        lighter="a shorter time, or by one field",
    )
    rank = rules.rank_of(series)
    if rank is None:
        found = await queries.divided(session, frame, series, fields, spans)
        return rules.explain(spans, fields, found, is_quotient=rules.is_average(series))
    before, after = await queries.ranked(session, frame, series, rank, spans)
    above = rules.midway(before, after)
    if above is None:
        return Explanation(spans, before, after, None, "no_value", [])
    found = await queries.divided(session, frame, series, fields, spans, above=above)
    return rules.ranked(rules.explain(spans, fields, found, is_quotient=True), before, after, above)


async def _whole(session: AsyncSession, kpi: Definition, spans: Spans, why: rules.Undivided) -> Explanation:
    """Return what a KPI came to at both times, of which nothing is divided."""
    times = ((spans.compare_start, spans.compare_end), (spans.start, spans.end))
    before, after = [(await kpis.read_period(session, kpi, start, end)).value for start, end in times]
    change = None if before is None or after is None else after - before
    return Explanation(spans, before, after, change, why, [])


async def find_opened(session: AsyncSession, incident_id: UUID) -> tuple[Definition, Spans] | None:
    """Return the KPI of an incident, and the times to compare: those that its monitor looked at.

    None where one of them is gone, and where there is no time to speak of.
    """
    opened = await breaches.find_opened(session, incident_id)
    kpi = None if opened is None else await kpis.lock_by_id(session, opened.kpi_id)
    spans = None if opened is None or kpi is None else await _spans(session, opened, kpi)
    return None if kpi is None or spans is None else (kpi, spans)


async def _spans(session: AsyncSession, opened: Opened, kpi: Definition) -> Spans | None:
    asked, beside = kpi.measure.insight, opened.beside
    if asked is None:
        return rules.spans_between(opened.over, beside)
    over = await _asked_over(session, asked, opened.over.end)
    beside = None if beside is None else await _asked_over(session, asked, beside.end)
    return None if over is None else rules.spans_between(over, beside)


async def _asked_over(session: AsyncSession, asked: Asked, at: datetime) -> Span | None:
    """Return the time that an insight looks at when it is asked at a time."""
    _, question = await saved_insights.question(session, asked.insight_id)
    if not isinstance(question, Timed):
        return None
    question = question.until(at, days=asked.days)
    if not isinstance(question, Timed):
        return None
    workspace = await workspaces.get(session)
    frame = question.frame(now=at, zone=workspace.time_zone, week_start=WeekStart(workspace.week_start))
    return Span(frame.start, frame.end)


async def keep(session: AsyncSession, incident_id: UUID, explanation: Mapping[str, Any]) -> None:
    """Keep with an incident what explains it."""
    await breaches.keep_explanation(session, incident_id, explanation)
