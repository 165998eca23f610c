"""Maintenance windows that come again: by the clock on the wall, whatever clocks do, until a last day."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from opsloop_common.errors import Invalid
from opsloop_metrics.silences import rules
from opsloop_metrics.silences.rules import Times, Weekday, WindowState

WINDOWS = "/v1/maintenance-windows"
HIGH = {"type": "threshold", "operator": "ge", "value": 10}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAILY = list(Weekday)
BERLIN = "Europe/Berlin"


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def told(times, start, end, zone="UTC"):
    found = times.touching(utc(start), utc(end), zone)
    return [f"{begin:%m-%dT%H:%M} {over:%m-%dT%H:%M}" for begin, over in found]


@pytest.mark.parametrize(
    ("times", "start", "end", "zone", "found"),
    [
        # once is once
        (Times(utc("2026-03-02T10:00"), utc("2026-03-02T11:00")), "2026-03-01", "2026-04-01", "UTC", ["03-02T10:00 03-02T11:00"]),
        # on Tuesdays and Thursdays, after a first time on a Monday
        (
            Times(utc("2026-03-02T10:00"), utc("2026-03-02T11:00"), ["tuesday", "thursday"]),
            "2026-03-01", "2026-03-10", "UTC",
            ["03-02T10:00 03-02T11:00", "03-03T10:00 03-03T11:00", "03-05T10:00 03-05T11:00"],
        ),
        # over midnight: the day is that of its begin
        (
            Times(utc("2026-03-02T23:00"), utc("2026-03-03T01:00"), ["monday"]),
            "2026-03-10T01:00", "2026-03-20", "UTC",
            ["03-16T23:00 03-17T01:00"],
        ),
        (
            Times(utc("2026-03-02T23:00"), utc("2026-03-03T01:00"), ["monday"]),
            "2026-03-17T00:30", "2026-03-17T00:31", "UTC",
            ["03-16T23:00 03-17T01:00"],
        ),
        # until a last day, which it may begin on
        (
            Times(utc("2026-03-02T23:00"), utc("2026-03-03T01:00"), DAILY, date(2026, 3, 4)),
            "2026-03-04", "2026-04-01", "UTC",
            ["03-03T23:00 03-04T01:00", "03-04T23:00 03-05T01:00"],
        ),
        # in Berlin clocks go on from 02:00 to 03:00 on 29 March: from 01:30 to 04:00 is an hour less then
        (
            Times(utc("2026-03-28T00:30"), utc("2026-03-28T03:00"), DAILY),
            "2026-03-28", "2026-03-31", BERLIN,
            ["03-28T00:30 03-28T03:00", "03-29T00:30 03-29T02:00", "03-29T23:30 03-30T02:00", "03-30T23:30 03-31T02:00"],
        ),
        # from 02:00 to 03:00 is no time at all then
        (
            Times(utc("2026-03-28T01:00"), utc("2026-03-28T02:00"), DAILY),
            "2026-03-28", "2026-03-31", BERLIN,
            ["03-28T01:00 03-28T02:00", "03-30T00:00 03-30T01:00"],
        ),
        # and twice as long on 25 October, when the hour comes twice
        (
            Times(utc("2026-10-24T00:00"), utc("2026-10-24T01:00"), DAILY),
            "2026-10-24", "2026-10-27", BERLIN,
            ["10-24T00:00 10-24T01:00", "10-25T00:00 10-25T02:00", "10-26T01:00 10-26T02:00"],
        ),
        # a day in Shanghai begins at 16:00
        (
            Times(utc("2026-03-02T17:00"), utc("2026-03-02T18:00"), ["wednesday"]),
            "2026-03-03", "2026-03-20", "Asia/Shanghai",
            ["03-03T17:00 03-03T18:00", "03-10T17:00 03-10T18:00", "03-17T17:00 03-17T18:00"],
        ),
    ],
)  # fmt: skip
def test_times_come_again_by_the_clock_on_the_wall(times, start, end, zone, found):
    assert told(times, start, end, zone) == found


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Asia/Kathmandu"])
@pytest.mark.parametrize("seed", range(3))
def test_each_moment_is_in_it_if_the_clock_says_so(zone, seed):
    """Beside a plain reading, in zones where clocks stay: is it so late, on such a day, or was it a day before?"""
    chance = random.Random(seed)
    start = utc("2026-03-02T00:00") + chance.randrange(0, 1440) * timedelta(minutes=1)
    length = chance.randrange(1, 1441) * timedelta(minutes=1)
    days = chance.sample(DAILY, chance.randint(1, 7))
    last = start.astimezone(ZoneInfo(zone)).date() + chance.randint(0, 20) * DAY
    times = Times(start, start + length, days, last)
    local_start = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    def is_in_it(moment):
        local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        for back in (0, 1):
            begin = datetime.combine(local.date() - back * DAY, local_start.time())
            named = DAILY[begin.weekday()] in days and begin.date() <= last
            if begin >= local_start and (named or begin == local_start) and begin <= local < begin + length:
                return True
        return False

    for _ in range(400):
        moment = start + chance.randrange(-2 * 1440, 30 * 1440) * timedelta(minutes=1)
        assert bool(times.touching(moment, moment + timedelta(microseconds=1), zone)) is is_in_it(moment), moment


@pytest.mark.parametrize(
    ("now", "state", "following"),
    [
        ("2026-03-01T12:00", "upcoming", "03-02T10:00"),
        ("2026-03-02T10:00", "active", "03-02T10:00"),
        ("2026-03-02T11:00", "upcoming", "03-09T10:00"),
        ("2026-03-09T10:59", "active", "03-09T10:00"),
        ("2026-03-09T11:00", "past", None),
    ],
)
def test_it_is_past_when_it_comes_no_more(now, state, following):
    times = Times(utc("2026-03-02T10:00"), utc("2026-03-02T11:00"), ["monday"], date(2026, 3, 15))
    found = times.now_or_next(utc(now), "UTC")
    assert times.state(utc(now), "UTC") is WindowState(state)
    assert (found and f"{found[0]:%m-%dT%H:%M}") == following


def test_what_a_change_of_clocks_takes_away_comes_a_week_later():
    """On Sundays from 02:00 to 03:00 in Berlin: not on 29 March."""
    times = Times(utc("2026-03-15T01:00"), utc("2026-03-15T02:00"), ["sunday"])
    assert times.now_or_next(utc("2026-03-23T00:00"), BERLIN) == (utc("2026-04-05T00:00"), utc("2026-04-05T01:00"))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"ends_at": utc("2026-03-03T10:00") + timedelta(microseconds=1)}, "/ends_at"),
        ({"repeats_on": [], "last_day": date(2026, 3, 5)}, "/last_day"),
        ({"last_day": date(2026, 3, 1)}, "/last_day"),
    ],
)
def test_what_cannot_repeat_is_refused(fields, pointer):
    fine = {
        "starts_at": utc("2026-03-02T10:00"),
        "ends_at": utc("2026-03-03T10:00"),
        "repeats_on": ["monday"],
        "last_day": date(2026, 3, 2),
    }
    rules.require_times(Times(**fine), "UTC")
    with pytest.raises(Invalid) as refused:
        rules.require_times(Times(**fine | fields), "UTC")
    assert [error.pointer for error in refused.value.errors] == [pointer]


async def plan(world, **fields):
    """Plan an hour from now on."""
    times = {"starts_at": world.now.isoformat(), "ends_at": (world.now + HOUR).isoformat()}
    return await world.post(WINDOWS, {"name": "Backup"} | times | fields)


async def test_a_monitor_keeps_quiet_each_time_and_tells_after_each(world):
    world.api.clock.set(utc("2026-03-02T10:00"))
    await world.kpi()
    await world.monitor(HIGH)
    made = await plan(world, repeats_on=["monday"])
    assert (made["repeats_on"], made["last_day"], made["state"]) == (["monday"], None, "active")

    for week in (1, 2):
        ends_at = utc("2026-03-02T11:00") + week * 7 * DAY
        world.api.clock.set(ends_at - HOUR / 2)
        await world.report(11)
        await world.settle(2)
        [seen] = (await world.status())["monitors"]
        assert (seen["state"], seen["muted_why"]) == ("pending", "Backup")
        assert datetime.fromisoformat(seen["muted_until"]) == ends_at
        assert len(await world.told("kpi.breached")) == week - 1

        world.api.clock.set(ends_at)
        await world.settle(1)
        assert (await world.state(), len(await world.told("kpi.breached"))) == ("breached", week)
        await world.report(1)
        await world.settle(2)
        assert await world.state() == "ok"


async def test_it_goes_by_the_workspaces_clock(world):
    """From 2 to 4 in the night in Berlin: at 01:00 UTC in winter, at 00:00 in summer."""
    admin = await world.api.key("metrics:admin")
    assert (await world.send("PATCH", "/v1/workspace", json={"time_zone": BERLIN}, headers=admin)).status_code == 200
    world.api.clock.set(utc("2026-03-27T01:00"))
    window = await plan(world, repeats_on=DAILY)
    world.api.clock.set(utc("2026-03-30T12:00"))

    shown = await world.get(f"{WINDOWS}/{window['id']}")

    assert (shown["next_starts_at"], shown["next_ends_at"]) == ("2026-03-31T00:00:00Z", "2026-03-31T01:00:00Z")
    assert shown["starts_at"] == "2026-03-27T01:00:00Z"


async def test_they_are_listed_by_where_they_lie_now(world):
    world.api.clock.set(utc("2026-03-02T10:00"))
    await plan(world, name="always", repeats_on=DAILY)
    await plan(world, name="over", repeats_on=DAILY, last_day="2026-03-03")
    await plan(world, name="once")

    async def names(state):
        return sorted(each["name"] for each in (await world.get(WINDOWS, state=state))["items"])

    async def lies():
        return [await names(state) for state in ("upcoming", "active", "past")]

    assert await lies() == [[], ["always", "once", "over"], []]
    world.api.clock.set(utc("2026-03-02T11:00"))
    assert await lies() == [["always", "over"], [], ["once"]]
    world.api.clock.set(utc("2026-03-03T10:30"))
    assert await lies() == [[], ["always", "over"], ["once"]]
    world.api.clock.set(utc("2026-03-04T10:30"))
    assert await lies() == [[], ["always"], ["once", "over"]]
    [past, _] = (await world.get(WINDOWS, state="past"))["items"]
    assert (past["next_starts_at"], past["next_ends_at"]) == (None, None)


async def test_it_becomes_one_that_repeats_and_one_that_does_not(world):
    window = await plan(world)
    path = f"{WINDOWS}/{window['id']}"
    weekly = await world.send("PATCH", path, json={"repeats_on": ["sunday"], "last_day": "2027-01-01"})
    assert (weekly.status_code, weekly.json()["last_day"]) == (200, "2027-01-01")
    refused = await world.send("PATCH", path, json={"repeats_on": []})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/last_day")
    once = await world.send("PATCH", path, json={"repeats_on": [], "last_day": None})
    assert (once.status_code, once.json()["repeats_on"], once.json()["last_day"]) == (200, [], None)


async def test_so_many_repeat_in_a_workspace(world, monkeypatch):
    monkeypatch.setattr("opsloop_metrics.silences.service.REPEATING_WINDOWS_PER_WORKSPACE", 1)
    first = await plan(world, repeats_on=["sunday"])
    once = await plan(world)
    times = {name: once[name] for name in ("name", "starts_at", "ends_at")}

    for method, path, body in (
        ("POST", WINDOWS, times | {"repeats_on": ["monday"]}),
        ("PATCH", f"{WINDOWS}/{once['id']}", {"repeats_on": ["monday"]}),
    ):
        refused = await world.send(method, path, json=body)
        assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "too_many")
    changed = await world.send("PATCH", f"{WINDOWS}/{first['id']}", json={"repeats_on": ["monday"]})
    assert changed.status_code == 200, "who repeats already takes no other place"


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"repeats_on": ["someday"]}, "/repeats_on/0"),
        ({"repeats_on": [*DAILY, "monday"]}, "/repeats_on"),
        ({"repeats_on": "monday"}, "/repeats_on"),
        ({"repeats_on": ["monday"], "last_day": "2026-02-30"}, "/last_day"),
        ({"last_day": "2026-12-01"}, "/last_day"),
        ({"repeats_on": ["monday"], "ends_at": "2027-01-01T00:00:00Z"}, "/ends_at"),
    ],
)
async def test_what_is_malformed_is_named(world, fields, pointer):
    times = {"starts_at": world.now.isoformat(), "ends_at": (world.now + HOUR).isoformat()}
    answer = await world.send("POST", WINDOWS, json={"name": "n"} | times | fields)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
