"""The store's ways through a funnel are those that a walk finds, person by person: the same times, values and who may go on."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import count

import pytest

from opsloop_common.conditions import Op
from opsloop_metrics.chains.rules import Span
from opsloop_metrics.funnels import queries, ways
from opsloop_metrics.funnels.walking import walk
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import EventFilter, WeekStart, frame_of
from opsloop_metrics.shapes import InsightCondition
from opsloop_metrics.steps.rules import (
    Attribution,
    Breakdown,
    CountBy,
    Exclusion,
    Funnel,
    FunnelMode,
    Order,
    Step,
    Way,
    require_sound,
    way_of,
)
from opsloop_metrics.store.port import milliseconds


def narrowed(event: str | None, field: str, value: str) -> EventFilter:
    return EventFilter(event, (InsightCondition(field=field, op=Op.EQ, value=value),))


APART = [EventFilter(name) for name in "ABC"] + [EventFilter("D")]
OVERLAPPING = [
    *APART[:2],
    EventFilter(None),
    narrowed(None, "utm_source", "x"),
    narrowed("A", "utm_source", "x"),
    narrowed(None, "properties.os", "ios"),
]


def draw_funnel(draw: random.Random) -> Funnel:
    """Return any funnel that can be meant."""
    order = draw.choice(list(Order))
    filters = draw.choices(OVERLAPPING, k=draw.choice([2, 3, 3, 4, 6]))
    if draw.random() < 0.4:
        filters = draw.sample(APART, k=draw.randint(2, 4))
    inner = range(1, len(filters) - 1)
    optional = {each for each in inner if order is Order.ORDERED and draw.random() < 0.4}
    needed = [number for number in range(len(filters)) if number not in optional]
    exclusions = []
    for _ in range(draw.choice([0, 0, 1, 2])):
        first, last = sorted(draw.sample(needed, k=2)) if order is not Order.UNORDERED else (0, len(filters) - 1)
        exclusions.append(Exclusion(draw.choice([EventFilter("X"), EventFilter("D")]), first, last))
    breakdown = None
    if draw.random() < 0.5:
        attribution = draw.choice(list(Attribution))
        step = draw.randrange(len(filters)) if order is not Order.UNORDERED else 0
        breakdown = Breakdown(draw.choice(["utm_source", "properties.os"]), attribution, step)
    return Funnel(
        tuple(Step(filter, number in optional) for number, filter in enumerate(filters)),
        order=order,
        window=timedelta(minutes=draw.choice([1, 5, 20, 60])),
        mode=draw.choice(list(FunnelMode)),
        exclusions=tuple(exclusions),
        breakdown=breakdown,
        count_by=draw.choice([CountBy.USERS, CountBy.SESSIONS]),
    )


def happened(draw: random.Random, most: int) -> list[tuple]:
    """Return what some people did around the hour that is asked for: much of it at one time."""
    minutes = draw.choice([range(-5, 70), range(-100, 200), range(0, 60, 10)])
    return [
        (
            f"p{draw.randrange(15)}",
            draw.choice("AABBCDXZ"),
            draw.choice(minutes),
            {"utm_source": draw.choice(["", "x", "y"]), "properties": draw.choice([{}, {"os": "ios"}, {"os": "web"}])},
        )
        for _ in range(draw.randrange(most))
    ]


def frame(funnels, minute: int):
    since = funnels.NOON
    return frame_of(
        workspace="acme", now=since + timedelta(minutes=minute), zone="UTC", week_start=WeekStart.MONDAY,
        interval=None, start=since, end=since + timedelta(hours=1), has_merges=False,
    )  # fmt: skip


async def found_by_store(store, frame, funnel) -> Counter:
    bind = Binding()
    zero = milliseconds(ways.read_from(frame, funnel)) - 1
    rows = await store.query(
        f"SELECT toString(person), * EXCEPT person FROM ({ways.entrants(frame, funnel, bind)})", bind.values
    )
    return Counter(
        (person, value or None, tuple(int(time) + zero if int(time) else None for time in times), bool(is_open))
        for person, value, times, is_open in rows.rows
    )


async def found_by_walking(store, frame, funnel) -> Counter:
    bind, span = Binding(), Span(*map(milliseconds, (frame.start, frame.end, frame.now)))
    rows = (await store.query(queries.histories(frame, funnel, bind, part=0, parts=1), bind.values)).rows
    entered = [each for each in walk(rows, funnel, span, count()) if each is not None]
    return Counter(
        (each.person, each.value, each.times, each.is_open)
        for each in entered
        if funnel.breakdown is None or each.value is not None
    )


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("seed", range(4))
async def test_the_store_finds_what_a_walk_finds(funnels, seed, way):
    draw = random.Random(seed)
    await funnels.happened(*happened(draw, 300))
    for _ in range(5):
        funnel = draw_funnel(draw)
        while way_of(funnel) is not way:
            funnel = draw_funnel(draw)
        require_sound(funnel)
        at = frame(funnels, draw.choice([30, 61, 100, 5000]))
        found = await found_by_store(funnels.store, at, funnel)
        assert found == await found_by_walking(funnels.store, at, funnel), funnel
