"""What a selection comes to by the values of fields, beside a plain reading of the same events in Python."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from opsloop_common.conditions import read_conditions
from opsloop_common.db import Context
from opsloop_metrics.events import service
from opsloop_metrics.events.rules import Aggregate, Part, Selection

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE, AFTER = (NOON - HOUR, NOON), (NOON + HOUR, NOON + 2 * HOUR)
FIELDS = ("data.kind", "data.flag", "data.deep.er", "data.none")
WHERE = read_conditions([{"field": "data.kind", "op": "ne", "value": "spam"}])
ACME = Context(workspace="acme")
ABOVE = 0.1 + 0.9
"""Exactly one of the amounts: what is as large is not above it."""


@pytest_asyncio.fixture
async def told(world, thing):
    """Return what tells events of a workspace: (hours from noon, data)."""
    world.api.clock.set(NOON + 3 * HOUR)

    async def tell(*events: tuple[float, dict[str, Any]], workspace: str = "acme") -> None:
        await world.hear_now(*(thing(data, at=NOON + at * HOUR, workspace=workspace) for at, data in events))

    return tell


async def divided(world, aggregate, *fields, property="data.amount", where=WHERE, above=0.0) -> list[Part]:
    selection = Selection("thing.happened", Aggregate(aggregate), property, where)
    async with world.api.db.transaction(ACME) as session:
        return await service.divided(session, selection, fields, before=BEFORE, after=AFTER, above=above)


def found(parts, field=1):
    return {part.value: sums_of(part) for part in parts if part.field == field}


def sums_of(part):
    return part.before, part.after, part.under_before, part.under_after


def text_of(data, field):
    """Return a field as the text that it is divided by."""
    value: Any = data
    for name in field.split(".")[1:]:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)[:100]


def reference(events, aggregate, fields):
    """Return {(field, value): [before, after, under before, under after]}, of all events as field 0."""
    sums: dict[Any, list[float]] = defaultdict(lambda: [0.0] * 4)
    seen = set()
    for at, data in sorted(events, key=lambda event: event[0]):
        late = 1 if 1 <= at < 2 else 0
        fits, number = data.get("kind") != "spam", data.get("amount")
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        if not (late or -1 <= at < 0):
            continue
        amount = {"share": float(fits), "sum": number, "avg": number}.get(aggregate, 1.0)
        if aggregate != "share" and not fits:
            continue
        if aggregate in ("sum", "avg", "median", "p95") and not is_number:
            continue
        if aggregate in ("median", "p95"):
            amount = float(number > ABOVE)
        if aggregate == "users":
            if data.get("user_id") is None or (late, data["user_id"]) in seen:
                continue
            seen.add((late, data["user_id"]))
        for place, value in [(0, None), *((place, text_of(data, field)) for place, field in enumerate(fields, 1))]:
            sums[place, value][late] += amount
            sums[place, value][2 + late] += 1
    return sums


def some_event(chance):
    data = {
        "kind": chance.choice(["a", "b", "spam", "长", None]),
        "flag": chance.choice([True, False, 7, "true"]),
        "deep": chance.choice([{"er": "x"}, {"er": "y"}, {}, "er"]),
        "amount": chance.choice([1, 2.5, -3, None, "4", True]),
        "user_id": chance.choice([None, *(f"u{number}" for number in range(6))]),
    }
    return chance.uniform(-1.5, 2.5), {name: value for name, value in data.items() if value is not None}


@pytest.mark.parametrize("aggregate", ["count", "users", "share", "sum", "avg", "median", "p95"])
@pytest.mark.parametrize("seed", range(3))
async def test_random_worlds_are_divided_as_a_plain_reading_does(world, told, aggregate, seed):
    chance = random.Random(seed)
    events = [some_event(chance) for _ in range(120)]
    await told(*events)

    parts = await divided(world, aggregate, *FIELDS, above=ABOVE)

    wanted = {key: tuple(map(pytest.approx, sums)) for key, sums in reference(events, aggregate, FIELDS).items()}
    shown = {(part.field, part.value): sums_of(part) for part in parts}
    assert shown == wanted


@pytest.mark.parametrize(
    ("at", "sums"), [(-1.01, None), (-1, (1, 0)), (-0.01, (1, 0)), (0, None), (1, (0, 1)), (1.99, (0, 1)), (2, None)]
)
async def test_times_have_their_first_moment_and_end_just_before_the_last(world, told, at, sums):
    await told((at, {"kind": "a"}))

    parts = found(await divided(world, "count", "data.kind"))

    assert parts == ({} if sums is None else {"a": (*sums, *sums)})


async def test_whoever_comes_twice_counts_for_the_first_of_each_time(world, told):
    await told(
        (-0.5, {"kind": "a", "user_id": "u"}),
        (-0.4, {"kind": "b", "user_id": "u"}),
        (1.5, {"kind": "b", "user_id": "u"}),
        (1.6, {"kind": "a", "user_id": "u"}),
        (1.7, {"kind": "a"}),
    )

    parts = found(await divided(world, "users", "data.kind"))

    assert {value: sums[:2] for value, sums in parts.items()} == {"a": (1, 0), "b": (0, 1)}


async def test_of_many_values_the_most_frequent_are_named_and_the_whole_stays_whole(world, told):
    many = [(1.5, {"kind": f"v{number:03}"}) for number in range(service.MOST_VALUES + 20)]
    await told(*many, *((-0.5, {"kind": f"v{number:03}"}) for number in range(100, 120)))

    parts = await divided(world, "count", "data.kind")

    named = found(parts)
    assert len(named) == service.MOST_VALUES
    assert {f"v{number:03}" for number in range(100, 120)} <= named.keys()
    assert found(parts, field=0) == {None: (20, service.MOST_VALUES + 20, 20, service.MOST_VALUES + 20)}


async def test_what_nobody_did_is_nothing(world, told):
    assert await divided(world, "count", "data.kind") == []


async def test_numbers_beyond_a_double_are_infinite(world, told):
    await told(*((1.5, {"kind": "a", "amount": 1.7e308}) for _ in range(2)))

    assert found(await divided(world, "sum", "data.kind"))["a"][:2] == (0, float("inf"))


async def test_another_workspaces_events_are_none_of_ours(world, told):
    await told((1.5, {"kind": "a"}), workspace="other")

    assert await divided(world, "count", "data.kind") == []
