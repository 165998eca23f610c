"""Funnels: asked of the store where it can answer alone, else found out person by person, and others go on in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import ports_of
from opsloop_common.deadline import stopped
from opsloop_common.turns import breathing
from opsloop_metrics.chains.rules import Span
from opsloop_metrics.funnels import queries, rules, ways
from opsloop_metrics.funnels.rules import Conversion, Part, Result, StepNumbers, Tally
from opsloop_metrics.funnels.walking import walk, walking
from opsloop_metrics.insights.asking import ask
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import Frame
from opsloop_metrics.insights.persons import Person, Portion, list_persons, with_ids
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.steps.rules import Entrant, Funnel, is_in_progress, is_missing, way_of
from opsloop_metrics.store.port import TooHeavy, milliseconds

MOST_EVENTS = 1_000_000
MOST_EVENTS_OF_ONE = 10_000
"""Bounds of the exact pass: events read, and events of one person."""
FEW_EVENTS = 2_000
"""So many are walked through at once, without the 0.2 s that a process takes to begin."""
_PART = 50_000  # events read at a time: as many are some megabytes and some milliseconds to decode


async def answer(session: AsyncSession, frame: Frame, funnel: Funnel) -> Result:
    """Return a funnel's numbers; raises TooHeavy, StoreUnavailable."""
    whole = replace(funnel, breakdown=None)
    if way_of(funnel) is not None:
        steps, conversion = await _whole(session, frame, whole)
        parts = await _parts(session, frame, funnel) if funnel.breakdown else None
        return Result(steps, conversion, parts)
    return await _exact_answer(session, frame, funnel, whole)


async def people(
    session: AsyncSession, frame: Frame, funnel: Funnel, portion: Portion, *, step: int, dropped: bool
) -> list[Person]:
    """Return persons that did a step or dropped out before it, each with their newest id; raises TooHeavy, StoreUnavailable."""
    whole, bind = replace(funnel, breakdown=None), Binding()
    since, until = ways.read_from(frame, whole), ways.read_until(frame, whole)
    if way_of(whole) is not None:
        persons = queries.people(frame, whole, bind, step=step, dropped=dropped)
        return await list_persons(session, frame, persons, bind, portion, since=since, until=until)
    found = {each.person for each in await _exact(session, frame, whole) if _is_meant(whole, each, step, dropped)}
    return await with_ids(session, frame, portion.of(found), since=since, until=until)


def _is_meant(funnel: Funnel, entrant: Entrant, step: int, dropped: bool) -> bool:
    if not dropped:
        return entrant.has_done(step)
    return step > 0 and is_missing(funnel, entrant, step) and not is_in_progress(funnel, entrant, step)


async def _whole(session: AsyncSession, frame: Frame, funnel: Funnel) -> tuple[list[rules.StepResult], Conversion]:
    bind = Binding()
    [[_, *row]] = await _rows(session, frame, queries.table(frame, funnel, bind), bind)
    average, median, least, most, counts = row[-5:]
    numbers = _numbers(row[:-5])
    steps = rules.steps_of(funnel, numbers)
    if average is None:
        return steps, Conversion(None, None, [])
    start, width = rules.bin_edges(rules.bins_of(numbers[-1].count), least, most)
    return steps, Conversion(average, median, rules.bins(start, width, list(map(int, counts))))


async def _parts(session: AsyncSession, frame: Frame, funnel: Funnel) -> list[Part]:
    bind = Binding()
    rows = await _rows(session, frame, queries.table(frame, funnel, bind), bind)
    return [Part(value, rules.steps_of(funnel, _numbers(row))) for value, *row in rows]


def _numbers(row: list[Any]) -> list[StepNumbers]:
    return [
        StepNumbers(int(count), int(waiting), average, median)
        for count, waiting, average, median in zip(row[::4], row[1::4], row[2::4], row[3::4], strict=True)
    ]


async def _exact_answer(session: AsyncSession, frame: Frame, funnel: Funnel, whole: Funnel) -> Result:
    entered = await _exact(session, frame, whole if funnel.is_divided_before else funnel)
    tally = await _tally(funnel, entered)
    if funnel.breakdown is None:
        return Result(tally.steps(), tally.conversion(), None)
    if funnel.is_divided_before:
        entered = await _exact(session, frame, funnel)
    by_value: dict[str, list[Entrant]] = defaultdict(list)
    await breathing(lambda each: by_value[each.value].append(each) if each.value is not None else None, entered)
    shown = rules.shown_parts(by_value, funnel.breakdown.limit)
    parts = [Part(value, (await _tally(funnel, own)).steps()) for value, own in shown]
    return Result(tally.steps(), tally.conversion(), parts)


async def _tally(funnel: Funnel, entered: Sequence[Entrant]) -> Tally:
    tally = Tally(funnel)
    await breathing(tally.add, entered)
    return tally


async def _exact(session: AsyncSession, frame: Frame, funnel: Funnel) -> list[Entrant]:
    """Return everyone who entered; raises TooHeavy for more than can be looked at one by one."""
    bind = Binding()
    [[total, most]] = await _rows(session, frame, queries.sizes(frame, funnel, bind), bind)
    if int(total or 0) > MOST_EVENTS or int(most or 0) > MOST_EVENTS_OF_ONE:
        raise TooHeavy(
            f"Such a funnel looks at each person's events one by one: at most {MOST_EVENTS:,}, {MOST_EVENTS_OF_ONE:,} "
            "of one person. Ask for a shorter time, add a condition, count users, or take steps of different events."
        )
    span = Span(milliseconds(frame.start), milliseconds(frame.end), milliseconds(frame.now))
    parts = _read_parts(session, frame, funnel, int(total or 0))
    if int(total or 0) <= FEW_EVENTS:
        chains = count()
        return [
            each async for rows in parts for each in await breathing(_itself, walk(rows, funnel, span, chains)) if each
        ]
    with stopped():  # a walk has bounds of its own
        async with ports_of(session, MetricsPorts).walkers.place(frame.workspace), walking(funnel, span) as walker:
            return [each async for rows in parts async for some in walker.walked(rows) for each in some]


def _itself(each: Entrant | None) -> Entrant | None:
    return each


async def _read_parts(
    session: AsyncSession, frame: Frame, funnel: Funnel, total: int
) -> AsyncIterator[list[list[Any]]]:
    parts = -(-total // _PART)
    for part in range(parts):
        bind = Binding()
        yield await _rows(session, frame, queries.histories(frame, funnel, bind, part=part, parts=parts), bind)


async def _rows(session: AsyncSession, frame: Frame, sql: str, bind: Binding) -> list[list[Any]]:
    return (await ask(session, frame, sql, bind)).rows
