"""Measure KPIs whose turn has come: those of events, of insights, of formulas. What is reported is only kept by period."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from time import perf_counter

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_common.due.jobs import LongRun
from opsloop_common.errors import Conflict, Invalid, NotFound, Unavailable
from opsloop_common.faults import took_too_long
from opsloop_metrics.kpi_measures.rules import MOST_BEHIND, Asked, Formula
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import SERIES_POINTS, Measured
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Waiting
from opsloop_metrics.measuring import queries, rules
from opsloop_metrics.saved_insights import service as saved_insights
from opsloop_metrics.store.port import TooHeavy

_REFUSALS = (NotFound, Invalid, Conflict, TooHeavy, Unavailable, rules.NoNumber)
"""What an insight or formula may come to instead of a number: kept with the KPI, and asked again later."""


async def measure_all(run: LongRun) -> None:
    """Measure the workspace's KPIs whose turn has come, one after the other, for a part of a minute at most."""
    begun = perf_counter()
    while perf_counter() - begun < rules.MOST_SECONDS:
        async with run.transaction() as session:  # of its own: whoever fails at one goes on with the others
            waiting = await kpis.next_to_measure(session, else_in=rules.LATER)
        if waiting is None:
            return
        if waiting.measure.insight is not None:
            await _measure_insight(run, waiting, waiting.measure.insight)
            continue
        try:
            async with run.transaction() as session:
                await queries.give_up_after(session, rules.MOST_SECONDS_EACH)
                await _measure(session, waiting)
        except DBAPIError as error:
            if not took_too_long(error):
                raise
            async with run.transaction() as session:
                again = clock_of(session).now() + rules.LATER
                await kpis.keep_measured(session, waiting, [], again_at=again, error=rules.TOOK_TOO_LONG)


async def _measure(session: AsyncSession, waiting: Waiting) -> None:
    if waiting.measure.is_reported:
        await kpis.keep_reported(session, waiting.kpi_id)
    elif waiting.measure.formula is not None:
        await _measure_formula(session, waiting, waiting.measure.formula)
    else:
        await _measure_events(session, waiting)


async def _measure_events(session: AsyncSession, waiting: Waiting) -> None:
    """Measure the periods since the last that is settled, at most as many as a board shows, each once more when it is over."""
    begun, now = perf_counter(), clock_of(session).now()
    start, end = await periods.period_of(session, now, waiting.period)
    kept_from = None if waiting.newest is None else waiting.newest.starts_at
    edges = [start, end]
    while len(edges) <= SERIES_POINTS and (kept_from is None or edges[0] > kept_from):
        edges.insert(0, (await periods.period_of(session, edges[0] - periods.TICK, waiting.period))[0])
    found = await kpis.measured_series(session, waiting.measure, [*edges[:-1], now])
    measured = [
        Measured(since, until, min(until, now), value)
        for (since, until), (value, _) in zip(pairwise(edges), found, strict=True)
    ]
    again = rules.again_at(now, end, pause=rules.SOON, seconds=perf_counter() - begun)
    await kpis.keep_measured(session, waiting, measured, again_at=again)


async def _measure_formula(session: AsyncSession, waiting: Waiting, formula: Formula) -> None:
    begun = perf_counter()
    start, end, as_of = await _next(session, waiting)
    try:
        until = begun + rules.MOST_SECONDS_EACH
        value, error = await formula_as_of(session, formula, start, as_of, until=until, found={}), None
    except (NotFound, Conflict) as refusal:
        value, error = None, refusal.detail
    now = clock_of(session).now()
    again = rules.again_at(now, end, pause=rules.SOON, seconds=perf_counter() - begun)
    if error is not None:  # a period that is over may be asked again, but not at once
        again = max(again, now + rules.SOON)
    measured = [Measured(start, end, as_of, value)] if error is None else []
    await kpis.keep_measured(session, waiting, measured, again_at=again, error=error)


async def formula_as_of(
    session: AsyncSession,
    formula: Formula,
    start: datetime,
    as_of: datetime,
    *,
    until: float,
    found: dict[str, float | None],
    over: int = MOST_BEHIND,
) -> float | None:
    """Return what a formula comes to by what its KPIs came to in `(start, as_of]`; raises NotFound for one that is gone.

    Of what is posted or asked that is the latest value then, of a formula its own calculation. `found` holds what was read
    already: each KPI is read once, however many ways lead to it. Raises Conflict where that takes until after `until`, and where
    more than `over` stand on each other: rings from before they were refused.
    """
    if not over:
        raise Conflict("its formulas stand on each other")
    for key in formula.of.values():
        if key in found:
            continue
        if perf_counter() > until:
            raise Conflict(rules.TOOK_TOO_LONG)
        kpi = await kpis.get(session, key)
        found[key] = (
            (await kpis.take_reading(session, kpi, as_of - start, now=as_of)).value
            if kpi.measure.formula is None
            else await formula_as_of(
                session, kpi.measure.formula, start, as_of, until=until, found=found, over=over - 1
            )
        )
    return formula.value({letter: found[key] for letter, key in formula.of.items()})


async def _measure_insight(run: LongRun, waiting: Waiting, asked: Asked) -> None:
    begun = perf_counter()
    async with run.session() as session:  # its answer may take seconds, in which it holds no connection
        start, end, as_of = await _next(session, waiting)
        try:
            value, error = await _number_of(session, asked, as_of), None
        except _REFUSALS as refusal:
            value, error = None, _words(refusal)
    async with run.transaction() as session:
        now = clock_of(session).now()
        again = rules.again_at(now, end, pause=rules.LATER, seconds=perf_counter() - begun)
        if error is not None:  # a period that is over may be asked again, but not at once
            again = max(again, now + rules.SOON)
        measured = [Measured(start, end, as_of, value)] if error is None else []
        await kpis.keep_measured(session, waiting, measured, again_at=again, error=error)


async def _number_of(session: AsyncSession, asked: Asked, as_of: datetime) -> float | None:
    kind, body = await saved_insights.answer_as_of(session, asked.insight_id, as_of, days=asked.days)
    return rules.number_at(body, asked.path or rules.NUMBER_OF[kind])


async def _next(session: AsyncSession, waiting: Waiting) -> tuple[datetime, datetime, datetime]:
    now = clock_of(session).now()
    return rules.measured_next(waiting.newest, await periods.period_of(session, now, waiting.period), now)


def _words(refusal: Exception) -> str:
    if isinstance(refusal, Invalid):
        return "; ".join(f"{each.pointer} {each.detail}" for each in refusal.errors)
    return str(getattr(refusal, "detail", refusal))
