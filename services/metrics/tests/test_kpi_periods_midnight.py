"""A period begins with its first moment and ends just before the next: whoever tells of periods says the same of midnight."""

from csv import DictReader
from datetime import UTC, datetime, timedelta

import pytest

from services.metrics.tests.market import Market

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
REPORTED = {"type": "reported"}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
YESTERDAY, TOMORROW = MIDNIGHT - DAY, MIDNIGHT + DAY
TEN = {"type": "formula", "formula": "a * 10", "of": {"a": "k"}}


class Midnight:
    """A KPI of which one came at yesterday's first moment, two at its noon, and four at today's first moment."""

    def __init__(self, world, measure):
        self.world, self.measure = world, measure

    async def tell(self, number, at):
        if self.measure == REPORTED:
            await self.world.report(number, at)
        else:
            await self.world.hear_now(*(self.world.received(at=at) for _ in range(number)))

    async def yesterday(self):
        self.world.api.clock.set(YESTERDAY + 13 * HOUR)
        await self.world.kpi(self.measure)
        await self.world.kpi(TEN, key="ten")
        await self.tell(1, YESTERDAY)
        await self.tell(2, YESTERDAY + 12 * HOUR)
        await self.world.recur()

    async def today(self, now=MIDNIGHT + HOUR):
        self.world.api.clock.set(now)
        await self.tell(4, MIDNIGHT)
        await self.world.recur()
        await self.world.tick()

    async def board(self, key="k"):
        return [each["value"] for each in (await self.world.get(f"/v1/kpis/{key}"))["series"][-2:]]

    async def table(self, key="k"):
        answer = await self.world.send("GET", f"/v1/kpis/{key}/series.csv", params={"from": "2026-11-25"})
        return [float(row["value"]) for row in DictReader(answer.text.splitlines())]

    async def series(self, key="k"):
        times = {"from": YESTERDAY.isoformat(), "to": TOMORROW.isoformat(), "interval": "P1D"}
        return [each["value"] for each in (await self.world.get(f"/v1/kpis/{key}/series", **times))["points"]]

    async def compared(self, key="k"):
        market = Market(self.world)
        series = await market.series()
        days = {"kpi": key, "from": "2026-11-25", "to": "2026-11-26"}
        return [each["ours"] for each in (await self.world.get(f"{series}/compare", **days))["days"]]

    async def explained(self, key="k"):
        times = {"compare_from": YESTERDAY, "compare_to": MIDNIGHT, "from": MIDNIGHT, "to": TOMORROW}
        query = {name: at.isoformat() for name, at in times.items()} | {"by": "data.channel"}
        found = await self.world.get(f"/v1/kpis/{key}/explanation", **query)
        return [found["before"], found["after"]]


@pytest.fixture(params=[(REPORTED, [2, 4]), (COUNT, [3, 4])], ids=["reported", "events"])
def told(request, world):
    measure, days = request.param
    return Midnight(world, measure), days


async def test_what_comes_at_midnight_is_of_the_day_that_begins_for_all(told):
    midnight, days = told
    await midnight.yesterday()
    await midnight.today()

    for view in (midnight.board, midnight.table, midnight.series, midnight.compared, midnight.explained):
        assert await view() == days, view.__name__
        assert await view("ten") == [10 * day for day in days], view.__name__


async def test_an_objective_ends_just_before_the_midnight_that_it_ends_with(told):
    midnight, days = told
    await midnight.yesterday()
    for name, day in (("past", "2026-11-25"), ("running", "2026-11-26")):
        objective = await midnight.world.post("/v1/objectives", {"title": name, "from": day, "to": day})
        body = {"title": name, "kpi": "k", "start": 0, "target": 10}
        await midnight.world.post(f"/v1/objectives/{objective['id']}/key-results", body)
    await midnight.today()

    results = {}
    for objective in (await midnight.world.get("/v1/objectives"))["items"]:
        [found] = (await midnight.world.get(f"/v1/objectives/{objective['id']}/key-results"))["items"]
        results[found["title"]] = found["value"]
    assert [results["past"], results["running"]] == days


async def test_a_monitor_of_the_day_has_its_first_moment(told):
    midnight, _ = told
    await midnight.yesterday()
    change = {"type": "change", "operator": "gt", "value": 2}
    await midnight.world.monitor(change, window="day")
    await midnight.today()

    [monitor] = (await midnight.world.status())["monitors"]
    assert (monitor["value"], monitor["expected"], monitor["state"]) == (4, 1, "breached")


async def test_as_of_its_first_moment_a_day_says_nothing_of_the_one_before(told):
    """Measured as of midnight: the day that is over, for good, and the one that begins, of which nothing is over."""
    midnight, days = told
    await midnight.yesterday()
    await midnight.today(now=MIDNIGHT)

    assert await midnight.board("ten") == [10 * day for day in days]
    assert (await midnight.series("ten"))[0] == (await midnight.compared("ten"))[0] == 10 * days[0]
    assert await midnight.table("ten") == [10 * days[0]], "what is not begun is not drawn"
    assert (await midnight.world.status("ten"))["value"] == 10 * days[1]
