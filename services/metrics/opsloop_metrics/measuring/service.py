"""Measure KPIs whose turn has come: those of events, of insights, of formulas. What is reported is only kept by period."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of
from opsloop_common.due.jobs import LongRun
from opsloop_common.errors import Conflict, Invalid, NotFound, Unavailable
from opsloop_common.faults import took_too_long
from opsloop_metrics.events import service as event_store
from opsloop_metrics.kpi_measures.rules import MOST_BEHIND, Asked, Formula
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import Measured
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.kpis.rules import Definition, Waiting
from opsloop_metrics.measuring import queries, rules
from opsloop_metrics.saved_insights import service as saved_insights
from opsloop_metrics.store.port import TooHeavy

_REFUSALS = (NotFound, Invalid, Conflict, TooHeavy, Unavailable, rules.NoNumber)
"""What an insight or formula may come to instead of a number: kept with the KPI, and asked again later."""
_Ask = Callable[[datetime, datetime], Awaitable[tuple[float | None, datetime | None]]]
"""Says what a KPI came to from the start of a period to a moment in it, and when the interval was over whose value that is."""


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
    """Measure the periods since the last that is settled, at most as many as a board shows, each once more when it is over.

    One that began before events are kept is not measured any more. Where days or weeks begin elsewhere by now, all are measured anew.
    """
    begun, now, kept_from = perf_counter(), clock_of(session).now(), event_store.kept_from(session)
    since = max(kept_from, await _settled_to(session, waiting) or kept_from)
    spans = await periods.periods_to(session, now, waiting.period, since=since)
    end = spans[-1][1]
    found = await kpis.measured_series(session, waiting.measure, [*(start for start, _ in spans), now + periods.TICK])
    measured = [
        Measured(start, until, min(until, now), value)
        for (start, until), (value, _) in zip(spans, found, strict=True)
        if start >= kept_from
    ]
    again = rules.again_at(now, end, pause=rules.SOON, seconds=perf_counter() - begun)
    await kpis.keep_measured(session, waiting, measured, again_at=again)


async def _settled_to(session: AsyncSession, waiting: Waiting) -> datetime | None:
    """Return when the newest period that was measured begins; None without one of the workspace's zone and week."""
    if waiting.newest is None:
        return None
    start, _ = await periods.period_of(session, waiting.newest.starts_at, waiting.period)
    return start if start == waiting.newest.starts_at else None


async def _measure_formula(session: AsyncSession, waiting: Waiting, formula: Formula) -> None:
    async def ask(start: datetime, as_of: datetime) -> tuple[float | None, datetime | None]:
        _, end = await periods.period_of(session, start, waiting.period)
        return await formula_in(session, formula, start, min(as_of + periods.TICK, end)), None

    begun = perf_counter()
    await _keep(session, waiting, await _find(session, waiting, ask), pause=rules.SOON, begun=begun)


@dataclass(frozen=True)
class _Read:
    """What the KPIs behind a formula came to: each is read once, however many ways lead to it, and none after `deadline`."""

    deadline: float = field(default_factory=lambda: perf_counter() + rules.MOST_SECONDS_EACH)
    found: dict[str, float | None] = field(default_factory=dict)


async def formula_in(
    session: AsyncSession,
    formula: Formula,
    start: datetime,
    until: datetime,
    *,
    read: _Read | None = None,
    over: int = MOST_BEHIND,
) -> float | None:
    """Return what a formula comes to by what its KPIs came to in `[start, until)`.

    Raises NotFound for one that is gone, Conflict for one that could not be measured, where reading takes too long, and where more
    than `over` stand on each other: rings from before they were refused.
    """
    read = read or _Read()
    if not over:
        raise Conflict("its formulas stand on each other")
    for key in formula.of.values():
        if key in read.found:
            continue
        if perf_counter() > read.deadline:
            raise Conflict(rules.TOOK_TOO_LONG)
        kpi = await kpis.get(session, key)
        if kpi.measure_error is not None and kpi.measure.formula is None:
            raise Conflict(f"{key} could not be measured: {kpi.measure_error}")
        read.found[key] = await value_in(session, kpi, start, until, read=read, over=over - 1)
    return formula.value({letter: read.found[key] for letter, key in formula.of.items()})


async def value_in(
    session: AsyncSession,
    kpi: Definition,
    start: datetime,
    until: datetime,
    *,
    read: _Read | None = None,
    over: int = MOST_BEHIND,
) -> float | None:
    """Return what a KPI came to in `[start, until)`; raises what `formula_in` does.

    Of what is posted that is the latest value then, of a formula its own calculation; of an insight what was kept of the period that
    `until` cuts or ends.
    """
    if kpi.measure.formula is not None:
        return await formula_in(session, kpi.measure.formula, start, until, read=read, over=over)
    if kpi.measure.insight is not None:
        _, until = await periods.period_of(session, until - periods.TICK, kpi.period)
    return (await kpis.read_period(session, kpi, start, until)).value


async def _measure_insight(run: LongRun, waiting: Waiting, asked: Asked) -> None:
    begun = perf_counter()
    async with run.session() as session:  # its answer may take seconds, in which it holds no connection

        async def ask(_: datetime, as_of: datetime) -> tuple[float | None, datetime | None]:
            return await _number_of(session, asked, as_of)

        found = await _find(session, waiting, ask)
    async with run.transaction() as session:
        await _keep(session, waiting, found, pause=rules.LATER, begun=begun)


async def _number_of(session: AsyncSession, asked: Asked, as_of: datetime) -> tuple[float | None, datetime | None]:
    kind, body = await saved_insights.answer_as_of(session, asked.insight_id, as_of, days=asked.days)
    path = asked.path or rules.NUMBER_OF[kind]
    return rules.number_at(body, path), rules.over_at(body, path, as_of)


@dataclass(frozen=True)
class _Found:
    """What a KPI came to, or why it came to nothing, and when the period that was asked about ends."""

    measured: list[Measured]
    ends_at: datetime
    error: str | None = None


async def _find(session: AsyncSession, waiting: Waiting, ask: _Ask) -> _Found:
    """Return what a KPI came to in the period whose turn it is: nothing while it runs and nothing is known of it.

    A KPI that has no value yet has that of the period before then.
    """
    now, newest = clock_of(session).now(), waiting.newest
    current = await periods.period_of(session, now, waiting.period)
    before = await periods.period_of(session, current[0] - periods.TICK, waiting.period)
    start, end, as_of = rules.measured_next(newest, before, current, now)
    try:
        value, over_at = await ask(start, as_of)
        if as_of < end and over_at is not None and over_at <= start:  # of an interval of the period before
            value = None
        if value is not None or as_of == end or (newest is not None and newest.starts_at == start):
            return _Found([Measured(start, end, as_of, value)], end)
        if newest is not None:
            return _Found([], end)
        value_before, _ = await ask(*before)
    except _REFUSALS as refusal:
        return _Found([], end, _words(refusal))
    kept = Measured(start, end, as_of, None) if value_before is None else Measured(*before, before[1], value_before)
    return _Found([kept], end)


async def _keep(session: AsyncSession, waiting: Waiting, found: _Found, *, pause: timedelta, begun: float) -> None:
    now = clock_of(session).now()
    again = rules.again_at(now, found.ends_at, pause=pause, seconds=perf_counter() - begun)
    if found.error is not None:  # a period that is over may be asked again, but not at once
        again = max(again, now + rules.SOON)
    await kpis.keep_measured(session, waiting, found.measured, again_at=again, error=found.error)


def _words(refusal: Exception) -> str:
    if isinstance(refusal, Invalid):
        return "; ".join(f"{each.pointer} {each.detail}" for each in refusal.errors)
    return str(getattr(refusal, "detail", refusal))
