"""What became of things over time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame
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
