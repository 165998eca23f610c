"""Who uses which features."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame, Interval
from opsloop_metrics.usages import queries, rules


async def answer(session: AsyncSession, frame: Frame, features: rules.Features) -> rules.Usage:
    """Return the use of features; raises TooHeavy, StoreUnavailable."""
    frame = frame.aligned()
    if not features.filters:
        bind = Binding()
        ranked = await ask(session, frame, queries.ranking(frame, bind, features), bind)
        features = replace(features, values=tuple(value for (value,) in ranked.rows))
    days = replace(frame, interval=Interval.DAY)
    units = frame if frame.interval is Interval.HOUR else days
    starts = units.edges[:-1]
    bind = Binding()
    sql = queries.usage(
        frame,
        bind,
        features,
        units=units,
        interval_of=rules.places_in(starts, frame.edges),
        day_of=rules.places_in(starts, days.edges),
    )
    counted = await ask(session, frame, sql, bind)
    bind = Binding()
    sql = queries.active(frame, bind, features, units=units, interval_of=rules.places_in(starts, frame.edges))
    active = await ask(session, frame, sql, bind)
    return rules.usage_of(
        features.labels,
        frame.labels,
        (rules.Counted(*map(int, row)) for row in counted.rows),
        (rules.Breadth(*map(int, row)) for row in active.rows),
        incomplete_from=frame.incomplete_from,
    )
