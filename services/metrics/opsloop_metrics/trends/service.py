"""What became of things over time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.insights.persons import Person, Portion, list_persons, require_number
from opsloop_metrics.trends import queries, rules


async def answer(session: AsyncSession, frame: Frame, trend: rules.Trend) -> rules.Trends:
    """Return a trend's numbers; raises Invalid, TooHeavy, StoreUnavailable."""
    frame = frame.aligned()
    intervals = frame.labels
    rules.require_sound(trend, len(intervals))
    shown = await _shown(session, frame, trend)
    found = await _found(session, frame, trend, shown, frame.start, frame.end)
    before = None
    if trend.compare:
        before = await _found(session, frame, trend, shown, frame.before(len(intervals)), frame.start)
    return rules.trends_of(trend, intervals, shown, found, before, incomplete_from=frame.incomplete_from)


async def people(
    session: AsyncSession,
    frame: Frame,
    trend: rules.Trend,
    portion: Portion,
    *,
    series: int,
    interval: int | None,
    value: str | None,
) -> list[Person]:
    """Return who did what a series is of, in one interval or (None) at any time; raises Invalid, TooHeavy, StoreUnavailable."""
    frame, bind = frame.aligned(), Binding()
    require_number("/series", series, len(trend.series), what="a series")
    since, until = frame.start, frame.end
    if interval is not None:
        require_number("/interval", interval, len(frame.labels), what="an interval")
        since, until = frame.edges[interval], min(frame.edges[interval + 1], frame.end)
    shown = await _shown(session, frame, trend) if value == rules.OTHER else None
    persons = queries.people(frame, bind, trend.series[series], trend.breakdown, value, shown, since=since, until=until)
    return await list_persons(session, frame, persons, bind, portion, since=since, until=until)


async def _shown(session: AsyncSession, frame: Frame, trend: rules.Trend) -> rules.Shown | None:
    if trend.breakdown is None:
        return None
    bind = Binding()
    ranked = await ask(session, frame, queries.ranking(frame, bind, trend, trend.breakdown), bind)
    return rules.shown([value for value, _ in ranked.rows], trend.limit)


async def _found(
    session: AsyncSession, frame: Frame, trend: rules.Trend, shown: rules.Shown | None, since: datetime, until: datetime
) -> list[rules.Found]:
    if shown is not None and not shown.values:  # nothing happened, so nothing has a row
        return [[] for _ in trend.series]
    found: list[rules.Found] = []
    for series in trend.series:
        bind = Binding()
        sql = queries.numbers(frame, bind, series, trend.breakdown, shown, since=since, until=until)
        rows = (await ask(session, frame, sql, bind)).rows
        found.append([(part, place, number) for part, place, number in rows])
    return found
