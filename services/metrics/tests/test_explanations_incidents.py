"""What explains an incident: the times that its monitor compared, whatever their length and whenever it looked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.metrics.tests.analyst import Analyst, did
from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE, Days

TUESDAY = datetime(2026, 11, 24, tzinfo=UTC)
HIGH = {"type": "threshold", "operator": "ge", "value": 5}


@pytest.fixture
def days(world) -> Days:
    world.api.clock.set(TUESDAY + 8 * HOUR)
    return Days(world)


def rfc3339(at):
    return at.isoformat().replace("+00:00", "Z")


async def explained(world):
    """Return the only incident, once it is explained."""
    await world.settle(5)
    [breach] = (await world.get("/v1/breaches"))["items"]
    return await world.get(f"/v1/breaches/{breach['incident_id']}")


def times(explanation):
    return [explanation[name] for name in ("compare_from", "compare_to", "from", "to")]


async def happened(days, *counted):
    """Store feedback: (how many, when, channel)."""
    await days.stored(days.world.received(at=at, channel=channel) for many, at, channel in counted for _ in range(many))


@pytest.mark.parametrize(
    ("window", "start", "before"),
    [
        ("day", TUESDAY, TUESDAY - DAY),
        ("week", TUESDAY - DAY, TUESDAY - 8 * DAY),
        ("month", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)),
    ],
)
async def test_of_a_period_that_runs_it_is_that_and_as_much_of_the_one_before(days, window, start, before):
    """Seven since it began, four in as much of the one before; what came between is neither."""
    world, elapsed = days.world, days.world.now - start
    await days.world.kpi(COUNT)
    await happened(
        days, (7, start + HOUR, "form"), (4, before + HOUR, "form"), (9, before + elapsed + HOUR, "email"),
        (9, before - HOUR, "api"),
    )  # fmt: skip
    await world.monitor(HIGH, window=window)

    found = await explained(world)

    explanation = found["explanation"]
    assert (explanation["before"], explanation["after"]) == (4, found["value"]) == (4, 7)
    assert times(explanation) == [rfc3339(at) for at in (before, before + elapsed, start, start + elapsed)]


async def test_of_a_change_it_is_what_was_compared(days):
    """At 08:00 there were five and ten the day before; the nine of its evening do not count."""
    await days.world.kpi(COUNT)
    await happened(
        days, (5, TUESDAY + HOUR, "form"), (10, TUESDAY - DAY + HOUR, "form"), (9, TUESDAY - HOUR, "email"),
    )  # fmt: skip
    await days.world.monitor({"type": "change", "operator": "le", "value": -0.2}, window="day")

    found = await explained(days.world)

    explanation = found["explanation"]
    assert (explanation["before"], explanation["after"]) == (found["expected"], found["value"]) == (10, 5)
    assert explanation["compare_to"] == rfc3339(TUESDAY - 16 * HOUR)


@pytest.mark.parametrize("late", [MINUTE, 5 * HOUR])
async def test_an_unusual_day_is_explained_by_the_same_weekday_before(days, late):
    """Twenty a day by form, forty on Mondays; on Tuesday, 24 November forty more by mail; the Tuesday before was a holiday."""
    world = days.world
    await world.kpi(COUNT)
    for back in range(60, 0, -1):
        day = TUESDAY - back * DAY
        many = 2 if back == 7 else 40 if day.weekday() == 0 else 20
        await happened(days, (many + back % 3, day + HOUR, "form"))
    await world.monitor({"type": "anomaly", "direction": "up"})
    await happened(days, (20, TUESDAY + HOUR, "form"), (40, TUESDAY + 2 * HOUR, "email"))
    world.api.clock.set(TUESDAY + DAY + late)
    await world.tick()

    found = await explained(world)

    explanation = found["explanation"]
    assert (explanation["after"], explanation["before"]) == (found["value"], 20 + 14 % 3) == (60, 22)
    assert times(explanation) == [rfc3339(TUESDAY + place * DAY) for place in (-14, -13, 0, 1)]
    [by_channel] = [each for each in explanation["fields"] if each["field"] == "data.channel"]
    assert [(row["value"], row["change"]) for row in by_channel["rows"]] == [("email", 40), ("form", -2)]


async def test_at_the_first_moment_of_a_period_there_is_nothing_to_explain(days):
    world = days.world
    world.api.clock.set(TUESDAY + DAY - MINUTE)
    await world.kpi(COUNT)
    await happened(days, (3, TUESDAY + HOUR, "form"))
    await world.monitor({"type": "threshold", "operator": "lt", "value": 1}, window="day")
    await world.settle(65)

    [breach] = (await world.get("/v1/breaches", state="open"))["items"]
    assert breach["opened_at"] == rfc3339(TUESDAY + DAY)
    assert (await world.get(f"/v1/breaches/{breach['incident_id']}"))["explanation"] is None


@pytest.mark.parametrize("window", [None, "day", "P7D"])
async def test_of_an_insight_it_is_the_time_that_it_was_asked_about(world_with_store, window):
    """Two days of the calendar, whatever the window in which its monitor takes the latest number."""
    world = world_with_store
    analyst = Analyst(world, "")
    world.api.clock.set(datetime(2026, 3, 5, 10, tzinfo=UTC))
    query = {"name": "n", "kind": "trends", "query": {"series": [{"event": "Paid"}], "time_zone": "UTC"}}
    insight = await world.post("/v1/insights", query)
    await world.kpi({"type": "insight", "insight_id": insight["id"], "days": 2})
    await world.monitor(HIGH, **({"window": window} if window else {}))
    await analyst.tell(
        *(did(f"u{number}", "Paid", "04T12:00", {"plan": "pro"}) for number in range(6)),
        *(did(f"u{number}", "Paid", "03T12:00", {"plan": "free"}) for number in range(3)),
        did("u", "Paid", "02T09:00"),
    )
    await world.recur()
    await world.tick(20)

    found = await explained(world)

    explanation = found["explanation"]
    assert (explanation["before"], explanation["after"]) == (3, found["value"]) == (3, 6)
    assert times(explanation) == [f"2026-03-0{at}:00:00Z" for at in ("2T14", "4T00", "4T00", "5T10")]
