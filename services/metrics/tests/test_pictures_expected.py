"""What a KPI's picture says was to be expected is what its monitor of anomalies says."""

from __future__ import annotations

from csv import DictReader
from datetime import timedelta

import pytest

from services.metrics.tests.days import DAY, Days, usual
from services.metrics.tests.pictures import described

ANOMALY = {"type": "anomaly"}
PALE = {"en": "pale: as expected", "zh": "浅色带：预期范围"}


@pytest.fixture
def days(world) -> Days:
    world.api.clock.set(world.now.replace(day=24))  # a Tuesday, 08:00
    return Days(world)


async def drawn(world, **query):
    answer = await world.send("GET", "/v1/kpis/k.svg", params=query)
    assert answer.status_code == 200, answer.text
    return described(answer.text)


async def bounds(world, **query):
    """Return the low and the high of each interval, by the day on which it begins."""
    answer = await world.send("GET", "/v1/kpis/k/series.csv", params=query)
    assert answer.status_code == 200, answer.text
    return {row["from"][:10]: (row["low"], row["high"]) for row in DictReader(answer.text.splitlines())}


def day(at):
    return at.date().isoformat()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"direction": "down", "sensitivity": "high"},
        {"min_absolute": 200},
        {"min_relative": 0.5, "sensitivity": "low"},
    ],
)
@pytest.mark.parametrize(("factor", "tolerance"), [(1, 1e-9), (1 / 1000, 1e-2)])  # in thousands they are no counts
async def test_between_which_a_day_was_expected_is_what_was_told_of_it(world, days, options, factor, tolerance):
    await world.kpi()
    for back in range(70, 0, -1):
        at = days.today - back * DAY
        await world.report(usual(at) * factor, at + DAY / 2)
    if "min_absolute" in options:
        options = options | {"min_absolute": options["min_absolute"] * factor}
    await world.monitor(ANOMALY | options)
    tuesday = days.today

    assert await days.over(100 * factor) == "breached"

    seen, found = await days.seen(), await bounds(world)
    # of what is no count, the scale of a picture is that of all its days
    told = [float(each) for each in found[day(tuesday)]]
    assert told == pytest.approx([seen["low"], seen["high"]], rel=tolerance)
    assert found[day(days.today)] == ("", ""), "it is not over"
    assert list(found.values()).count(("", "")) == 1
    for language, said in PALE.items():
        assert said in await drawn(world, locale=language)


async def test_too_little_history_says_nothing(world, days):
    await world.kpi()
    await days.kept(40)
    await world.monitor(ANOMALY)

    found = await bounds(world)

    known = [name for name, each in found.items() if each != ("", "")]
    first = min(known)
    assert next(iter(found)) < first <= day(days.today - 10 * DAY)
    assert known == [name for name in found if first <= name < day(days.today)]


@pytest.mark.parametrize("what", ["no monitor", "a threshold", "of hours", "switched off", "by week"])
async def test_nothing_is_expected_where_no_monitor_says_so(world, days, what):
    await world.kpi()
    await days.kept(70)
    if what != "no monitor":
        condition = {"type": "threshold", "operator": "lt", "value": 3} if what == "a threshold" else ANOMALY
        interval = {"interval": "hour"} if what == "of hours" else {}
        await world.monitor(condition | interval, enabled=what != "switched off")
    query = {"interval": "week"} if what == "by week" else {}

    assert set((await bounds(world, **query)).values()) == {("", "")}
    assert PALE["en"] not in await drawn(world, **query)


async def test_a_day_that_is_left_out_is_not_expected_and_the_oldest_monitor_says(world, days):
    await world.kpi()
    await days.kept(70)
    holiday = days.today - 3 * DAY
    await world.monitor(ANOMALY | {"excluded": [day(holiday)]})
    alone = await bounds(world)
    await world.monitor(ANOMALY | {"min_relative": 0.9})

    assert alone[day(holiday)] == ("", "")
    assert list(alone.values()).count(("", "")) == 2
    assert await bounds(world) == alone


async def test_the_time_that_is_shown_makes_no_difference(world, days):
    await world.kpi()
    await days.kept(90)
    await world.monitor(ANOMALY)
    whole = await bounds(world)

    part = await bounds(world, **{"from": day(days.today - 9 * DAY), "to": day(days.today - 4 * DAY)})
    ahead = await bounds(world, **{"from": day(days.today + timedelta(3)), "to": day(days.today + timedelta(5))})

    assert len(part) == 6
    assert part == {name: whole[name] for name in part}
    assert ahead == {}


async def test_an_incident_of_a_day_is_shaded_where_that_day_stands(world, days):
    """Also of the last day that is shown, which was judged on the next."""
    await world.kpi()
    await days.kept(70)
    await world.monitor(ANOMALY)
    unusual = days.today
    assert await days.over(100) == "breached"

    shown = [
        await world.send("GET", "/v1/kpis/k.svg", params={"from": day(unusual - 9 * DAY), "to": day(until)})
        for until in (unusual, unusual - DAY)
    ]

    assert ["shaded: 1 incident" in described(each.text) for each in shown] == [True, False]
