"""What a selection comes to by intervals is what it comes to in each, and what that is of samples alone."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from random import Random

import pytest

from opsloop_common.conditions import Condition, Op
from opsloop_common.db import Context
from opsloop_metrics.events import service
from opsloop_metrics.events.rules import NUMERIC, Aggregate, Selection

SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)
LARGE = Condition(field="data.n", op=Op.GE, value=5)
KNOWN = Condition(field="data.user_id", op=Op.EXISTS, value=True)


@pytest.mark.parametrize("where", [(), (LARGE,), (LARGE, KNOWN)])
async def test_a_series_says_of_each_interval_what_a_reading_of_it_says(world, where):
    chance, begin = Random(1), world.now
    told = [
        {"n": chance.choice([*range(10), None, "7"]), "user_id": chance.choice(["u1", "u2", None])} for _ in range(60)
    ]
    events = [world.thing(row, at=begin + chance.randrange(1, 41) * SECOND) for row in told]
    edges = [begin + 10 * place * SECOND for place in range(7)]  # the last interval is empty
    selections = [
        Selection("thing.happened", aggregate, "data.n" if aggregate in NUMERIC else None, where)
        for aggregate in Aggregate
    ]
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await service.record(session, events)

        series = await service.series(session, selections, edges=edges)
        each = [  # a reading is open at its start and holds its end
            await service.read(session, selections, start=start - TICK, now=end - TICK)
            for start, end in pairwise(edges)
        ]

    assert series == [
        [(found[place].value, found[place].samples) for found in each] for place in range(len(selections))
    ]
    assert sum(samples for _, samples in series[0]) == sum(map(fulfils(where), told))


def fulfils(where):
    def all_hold(row):
        is_large = isinstance(row["n"], int) and row["n"] >= 5
        return (LARGE not in where or is_large) and (KNOWN not in where or row["user_id"] is not None)

    return all_hold


@pytest.mark.parametrize("aggregate", sorted(NUMERIC))
async def test_only_a_number_is_what_leaves_first(world, aggregate):
    begin = world.now
    rows = [{"n": None}, {"n": "3"}, {}, {"n": 3}, {"n": 4}]
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        await service.record(
            session, [world.thing(row, at=begin + place * SECOND) for place, row in enumerate(rows, start=1)]
        )
        selection = Selection("thing.happened", aggregate, "data.n")
        [found] = await service.read(session, [selection], start=begin, now=begin + 9 * SECOND)
    assert (found.oldest_at, found.samples, found.low, found.high) == (begin + 4 * SECOND, 2, 3, 4)
