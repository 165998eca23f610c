"""Medians and percentiles: explained by the part of their numbers that lies above the middle of their way."""

import random
from statistics import median

import pytest

from services.metrics.tests.test_explanations import COUNT, HOUR, NOON, OfInsights, explain, happened, paid

RATINGS = COUNT | {"aggregate": "median", "property": "data.rating"}
NAMES = ("value", "before", "after", "change", "mix", "rate", "weight_before", "weight_after")


def close(number):
    return pytest.approx(number, abs=1e-6)


@pytest.fixture
def world(world):
    world.api.clock.set(NOON + 2 * HOUR)
    return world


@pytest.fixture
def of_insights(world_with_store):
    return OfInsights(world_with_store)


async def test_the_sheet_of_a_median(world):
    """As in docs/kpis.md: 5 became 1. Above 3 were three of five, and then two of six."""
    await world.kpi(RATINGS)
    for channel, rating, before, after in (("email", 1, 2, 4), ("email", 5, 1, 0), ("form", 5, 2, 2)):
        fields = {"channel": channel, "rating": rating}
        await happened(world, (before, -0.5, fields), (after, 0.5, fields))

    found = await explain(world, by="data.channel")

    assert (found["before"], found["after"], found["change"], found["undivided"], found["reason"]) == (
        5,
        1,
        -4,
        None,
        None,
    )
    assert found["above"] == {"value": 3, "before": 0.6, "after": pytest.approx(2 / 6)}
    [divided] = found["fields"]
    assert [[row[name] for name in NAMES] for row in divided["rows"]] == [
        ["email", *map(close, (1 / 3, 0, -0.2311111, -0.02, -0.2111111, 0.6, 4 / 6))],
        ["form", *map(close, (1, 1, -0.0355556, -0.0355556, 0, 0.4, 2 / 6))],
    ]
    assert sum(row["change"] for row in divided["rows"]) == pytest.approx(2 / 6 - 0.6)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_moves_a_median_is_named(world, seed):
    """Four channels that scatter alike, of which one becomes worse: it stands first, and takes most of the change."""
    chance = random.Random(seed)
    channels = ["email", "form", "api", "widget"]
    worse, events, numbers = chance.choice(channels), [], {-1: [], 1: []}
    await world.kpi(RATINGS | {"property": "data.sentiment"})
    for _ in range(400):
        channel, side = chance.choice(channels), chance.choice([-1, 1])
        sentiment = chance.uniform(-0.2, 0.9) - (0.7 if channel == worse and side == 1 else 0)
        numbers[side].append(sentiment)
        at = NOON + side * chance.uniform(0.01, 0.99) * HOUR
        events.append(world.received(at=at, channel=channel, sentiment=sentiment))
    await world.hear_now(*events)

    found = await explain(world)

    assert found["before"] == pytest.approx(median(numbers[-1]))
    assert found["after"] == pytest.approx(median(numbers[1]))
    first = found["fields"][0]
    assert (first["field"], first["rows"][0]["value"]) == ("data.channel", worse)
    assert first["rows"][0]["share"] > 0.6


async def test_a_p95_that_did_not_move_has_nothing_to_tell(world):
    await world.kpi(RATINGS | {"aggregate": "p95"})
    await happened(world, *((3, hours, {"rating": 4}) for hours in (-0.5, 0.5)))

    found = await explain(world, by="data.channel")

    assert (found["change"], found["above"]) == (0, {"value": 4, "before": 0, "after": 0})
    assert [(row["value"], row["change"], row["share"]) for row in found["fields"][0]["rows"]] == [("api", 0, None)]


@pytest.mark.parametrize("aggregate", ["median", "p90", "p95", "p99"])
async def test_percentiles_of_a_trend(of_insights, aggregate):
    await of_insights.kpi({"event": "Paid", "aggregate": aggregate, "property": "properties.amount"})
    await of_insights.analyst.tell(
        paid("a", "01T10:00", "free", 10), paid("b", "01T10:00", "pro", 20),
        paid("a", "02T10:00", "free", 20), paid("b", "02T10:00", "pro", 30), paid("b", "02T11:00", "free", 10),
    )  # fmt: skip

    found = await of_insights.explain(by="properties.plan")

    rank = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}[aggregate]
    before = 10 + rank * 10
    after = 10 + rank * 20
    middle = (before + after) / 2
    assert (found["before"], found["after"], found["above"]["value"]) == tuple(
        map(pytest.approx, (before, after, middle))
    )
    assert found["above"]["before"] == sum(amount > middle for amount in (10, 20)) / 2
    assert found["above"]["after"] == pytest.approx(sum(amount > middle for amount in (10, 20, 30)) / 3)
    assert sum(row["change"] for row in found["fields"][0]["rows"]) == pytest.approx(
        found["above"]["after"] - found["above"]["before"]
    )


async def test_a_trend_without_numbers_on_one_side_says_so(of_insights):
    await of_insights.kpi({"event": "Paid", "aggregate": "median", "property": "properties.amount"})
    await of_insights.analyst.tell(paid("a", "02T10:00", "free", 10))

    found = await of_insights.explain()

    assert (found["before"], found["after"], found["undivided"], found["fields"]) == (None, 10, "no_value", [])
    assert "no change" in found["reason"]["en"]
