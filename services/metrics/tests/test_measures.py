"""What stored events come to: aggregates, windows."""

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from statistics import mean, median

import pytest
from sqlalchemy import text

from opsloop_common.conditions import Condition, Op
from opsloop_common.db import Context
from opsloop_metrics.events import rules, service
from opsloop_metrics.events.rules import Aggregate, Selection

SECOND = timedelta(seconds=1)


async def measure(world, selection, start, end):
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        (reading,) = await service.read(session, [selection], start=start, now=end, last_seen=True)
    return reading


async def store(world, *events):
    async with world.api.db.transaction(Context(workspace=events[0].workspace)) as session:
        await service.record(session, events)


NUMBERS = [{"n": 1}, {"n": 2}, {"n": 9.5}, {"n": "7"}, {"n": None}, {}]


@pytest.mark.parametrize(
    ("aggregate", "value", "samples"),
    [
        (Aggregate.COUNT, 6, 6),
        (Aggregate.SUM, 12.5, 3),
        (Aggregate.AVG, 12.5 / 3, 3),
        (Aggregate.MEDIAN, 2, 3),
        (Aggregate.P95, 8.75, 3),  # 2 + 0.9 * 7.5
    ],
)
async def test_numbers_are_taken_from_numbers_only(world, aggregate, value, samples):
    await store(world, *[world.thing(row, at=world.now) for row in NUMBERS])
    found = await measure(world, Selection("thing.happened", aggregate, "data.n"), world.now - SECOND, world.now)
    assert (found.value, found.samples) == (pytest.approx(value), samples)


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [
        (Aggregate.COUNT, 0),
        (Aggregate.USERS, 0),
        (Aggregate.SUM, 0),
        (Aggregate.SHARE, None),
        (Aggregate.AVG, None),
        (Aggregate.MEDIAN, None),
        (Aggregate.P95, None),
    ],
)
async def test_nothing_counts_as_none_and_averages_to_null(world, aggregate, value):
    where = (Condition(field="data.n", op=Op.EXISTS),)
    found = await measure(world, Selection("thing.happened", aggregate, "data.n", where), world.now - SECOND, world.now)
    assert (found.value, found.samples, found.oldest_at, found.last_seen_at) == (value, 0, None, None)


async def test_a_sum_beyond_what_json_carries_is_null(world):
    await store(world, *[world.thing({"n": 1.7e308}, at=world.now) for _ in range(3)])
    found = await measure(world, Selection("thing.happened", Aggregate.SUM, "data.n"), world.now - SECOND, world.now)
    assert found.value is None


async def test_users_are_distinct_people(world):
    people = [{"author": {"user_id": "u1"}}, {"user_id": "u1"}, {"user_id": "u2"}, {"user_id": None}, {"user_id": 7}]
    await store(world, *[world.thing(row, at=world.now) for row in people])
    found = await measure(world, Selection("thing.happened", Aggregate.USERS), world.now - SECOND, world.now)
    assert (found.value, found.samples) == (2, 3)


async def test_a_window_is_open_at_its_start_and_closed_at_its_end(world):
    at = world.now
    await store(world, *[world.thing({}, at=at + place * SECOND) for place in range(5)])

    found = await measure(world, Selection("thing.happened", Aggregate.COUNT), at, at + 3 * SECOND)

    assert (found.value, found.oldest_at, found.upcoming_at) == (3, at + SECOND, at + 4 * SECOND)
    assert found.last_seen_at == at + 3 * SECOND


async def test_what_leaves_a_window_next_is_the_oldest_that_is_counted(world):
    at = world.now
    await store(world, *[world.thing({"n": n}, at=at + n * SECOND) for n in range(1, 5)])
    large = (Condition(field="data.n", op="ge", value=3),)

    for aggregate, oldest in ((Aggregate.COUNT, 3), (Aggregate.USERS, 3), (Aggregate.SHARE, 1)):
        found = await measure(world, Selection("thing.happened", aggregate, where=large), at, at + 9 * SECOND)
        assert found.oldest_at == at + oldest * SECOND, aggregate


async def test_the_least_and_the_greatest_number_are_known(world):
    await store(world, *[world.thing(row, at=world.now) for row in NUMBERS])
    for aggregate, bounds in ((Aggregate.AVG, (1, 9.5)), (Aggregate.P95, (1, 9.5)), (Aggregate.COUNT, (None, None))):
        found = await measure(world, Selection("thing.happened", aggregate, "data.n"), world.now - SECOND, world.now)
        assert (found.low, found.high) == bounds


async def test_conditions_that_python_takes_for_the_same_are_not(world):
    await store(world, *[world.thing({"n": n}, at=world.now) for n in (1, 1.0, True, "1")])
    counted = []
    for value in (1, 1.0, True, "1", [1, True]):
        where = (Condition(field="data.n", op=Op.IN if isinstance(value, list) else Op.EQ, value=value),)
        selection = Selection("thing.happened", Aggregate.COUNT, where=where)
        counted.append((await measure(world, selection, world.now - SECOND, world.now)).value)
    assert counted == [2, 2, 1, 1, 3]


async def test_the_nth_event_after_a_time_is_found(world):
    at = world.now
    await store(world, *[world.thing({}, at=at + place * SECOND) for place in range(5)])
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        found = [
            await service.find_nth_at(session, "thing.happened", nth, start=at, end=at + 3 * SECOND)
            for nth in (1, 3, 4)
        ]
    assert found == [at + SECOND, at + 3 * SECOND, None]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00:00.5Z", datetime(2026, 11, 1, 8, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-01T08:00:00", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        (17, None),
        (None, None),
    ],
)
def test_an_event_counts_from_when_it_occurred(said, meant, thing):
    time = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert rules.occurred_at(thing({"occurred_at": said}, at=time)) == (meant or time)


async def test_events_are_kept_once_and_apart_by_workspace(world):
    ours, theirs = world.thing({}, at=world.now), world.thing({}, at=world.now, workspace="other")
    await world.hear(ours, theirs)
    await store(world, ours)

    found = await measure(world, Selection("thing.happened", Aggregate.COUNT), world.now - 5 * SECOND, world.now)

    assert found.value == 1


@pytest.mark.parametrize("rows", [3, 6, 7, 9, 11, 13])
async def test_whatever_is_measured_is_the_double_nearest_to_it(world, rows):
    """A threshold that somebody reckoned, such as 11 / 9, is reached."""
    random = Random(rows)
    columns = {f"t{total}": [total, *[0] * (rows - 1)] for total in range(1, 41)}
    columns |= {f"d{place}": [random.randrange(-9_999, 9_999) / 1000 for _ in range(rows)] for place in range(20)}
    columns |= {
        "huge": [1.7e308] * rows,
        "tiny": [5e-324 * place for place in range(1, rows + 1)],
        "mixed": [1e16, 1.0, *[-1e16 / (rows - 2)] * (rows - 2)],
        "long": [2**53 + place for place in range(rows)],
    }
    await store(
        world, *[world.thing({name: each[row] for name, each in columns.items()}, at=world.now) for row in range(rows)]
    )
    wanted = [(name, aggregate) for name in columns for aggregate in (Aggregate.SUM, Aggregate.AVG, Aggregate.MEDIAN)]
    selections = [Selection("thing.happened", aggregate, f"data.{name}") for name, aggregate in wanted]
    start, end = world.now - SECOND, world.now
    found = []
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        for place in range(0, len(selections), 40):
            found += await service.read(session, selections[place : place + 40], start=start, now=end)
        in_series = await service.series(session, selections, edges=[end, end + SECOND])

    for (name, aggregate), reading, [(value, _)] in zip(wanted, found, in_series, strict=True):
        # numbers are decimal, as their senders wrote them
        exact = [Fraction(repr(each)) for each in columns[name]]
        result = {Aggregate.SUM: sum, Aggregate.AVG: mean, Aggregate.MEDIAN: median}[aggregate](exact)
        try:
            expected = float(result)
        except OverflowError:
            expected = None
        assert (reading.value, value) == (expected, expected), (name, aggregate)
    by_name = {key: reading.value for key, reading in zip(wanted, found, strict=True)}
    assert all(by_name[f"t{total}", Aggregate.AVG] == total / rows for total in range(1, 41))


async def test_a_share_is_the_quotient_that_python_and_people_reckon(world):
    where = (Condition(field="data.n", op=Op.EQ, value=1),)
    share = Selection("thing.happened", Aggregate.SHARE, where=where)
    for place in range(1, 30):
        await store(world, world.thing({"n": int(place % 3 == 0)}, at=world.now))
        found = await measure(world, share, world.now - SECOND, world.now)
        assert found.value == (place // 3) / place


@pytest.mark.parametrize(
    ("numbers", "value"),
    [
        ([7], 7.0),
        (range(1, 102), 96.0),
        (range(20, 0, -1), 19.05),
        ([-5, -1, -9], -1.4),
        ([0.1] * 30, 0.1),
    ],
)
async def test_a_percentile_lies_between_the_closest_ranks(world, numbers, value):
    """At (n - 1) * 0.95, counted from 0: as insights have it."""
    await store(world, *[world.thing({"n": number}, at=world.now) for number in numbers])
    selection = Selection("thing.happened", Aggregate.P95, "data.n", (Condition(field="data.n", op=Op.EXISTS),))

    found = await measure(world, selection, world.now - SECOND, world.now)

    assert (found.value, found.samples) == (pytest.approx(value, rel=1e-15), len(numbers))


@pytest.mark.parametrize("aggregate", [Aggregate.SUM, Aggregate.AVG, Aggregate.MEDIAN, Aggregate.P95])
@pytest.mark.parametrize(
    "numbers",
    [
        (1.7976931348623157e308, 1.7976931348623157e308),
        (-1.7976931348623157e308, 1e308),
        (5e-324, 1e300),
        (5e-324, -5e-324),
    ],
)
async def test_the_greatest_and_least_numbers_are_measured_without_a_fault(world, aggregate, numbers):
    await store(world, *[world.thing({"n": number}, at=world.now) for number in numbers])

    found = await measure(world, Selection("thing.happened", aggregate, "data.n"), world.now - SECOND, world.now)

    assert found.samples == 2
    assert found.value is None or math.isfinite(found.value)


async def test_what_is_forgotten_is_the_oldest_of_one_type_in_one_workspace(world):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    days = [timedelta(days=day) for day in range(4)]
    for workspace in ("acme", "other"):
        await store(world, *(world.received(at=at + day, workspace=workspace) for day in days))

    async with world.api.db.transaction(Context(workspace="acme")) as session:
        assert list(await service.types(session)) == ["feedback.received"]
        gone = [await service.forget(session, "feedback.received", at + days[3], limit=2) for _ in range(3)]
        other = await service.forget(session, "feedback.replied", at + days[3], limit=2)
        left = await session.scalar(text("SELECT array_agg(at) FROM domain_event WHERE workspace = 'acme'"))
    async with world.api.db.transaction(Context(workspace="other")) as session:
        theirs = await session.scalar(text("SELECT count(*) FROM domain_event WHERE workspace = 'other'"))

    assert (gone, other, left, theirs) == ([2, 1, 0], 0, [at + days[3]], 4)
