"""Competitors where things happen at once, out of order, half, or in the wrong place."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from opsloop_common import limits
from opsloop_common.testing.hooks import hooked
from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.competitors import service
from opsloop_metrics.settings import MetricsSettings
from services.metrics.tests.market import PATH, URL_SOURCE, Market, pointers

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEAST = 0.25


@pytest.fixture
async def hook():
    async with hooked() as made:
        yield made


@pytest.fixture
async def market(make_world):
    world = await make_world(settings_for_tests(MetricsSettings, outbound_allow="127.0.0.0/8", port=1))
    world.api.clock.set(NOON)
    return Market(world)


class Reference:
    """A series as a few lines of plain Python have it."""

    def __init__(self):
        self.points: dict[int, float] = {}
        self.told: list[tuple[float, float]] = []
        self.told_at = -1

    def take(self, block: dict[int, float]) -> tuple[int, int]:
        created = [day for day in block if day not in self.points]
        corrected = [day for day in block if day in self.points and self.points[day] != block[day]]
        self.points |= block
        newest = max(self.points)
        before = [day for day in self.points if day < newest]
        if (created or corrected) and newest in block and before and newest > self.told_at:
            previous, value = self.points[max(before)], self.points[newest]
            if value != previous and (previous == 0 or round(abs((value - previous) / abs(previous)), 9) >= LEAST):
                self.told.append((previous, value))
                self.told_at = newest
        return len(created), len(corrected)


def at(day: int) -> str:
    return (datetime(2025, 6, 1, tzinfo=UTC) + timedelta(days=day)).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("seed", range(6))
async def test_points_in_any_order_come_to_what_the_reference_says(market, seed):
    dice = random.Random(seed)
    series, reference = await market.series(alert={"change": LEAST}), Reference()
    newest = 0
    for _ in range(25):
        newest += dice.choice([0, 1, 1, 2])
        days = {max(0, newest - dice.choice([0, 0, 0, 1, 5, 9])) for _ in range(dice.randint(1, 4))}
        block = {day: float(dice.choice([0, 4, 5, 8, 10])) for day in sorted(days, key=lambda _: dice.random())}

        taken = await market.say(series, *((at(day), value) for day, value in block.items()))

        assert taken == reference.take(block), (seed, block)
    assert await market.points(series, limit=200) == [
        (at(day), value) for day, value in sorted(reference.points.items(), reverse=True)
    ]
    assert [(told["previous"], told["value"]) for told in await market.changes()] == reference.told


async def test_what_was_kept_before_a_crash_is_not_asked_for_again(market, hook, monkeypatch):
    """Of three answers the second ends the worker; the next one asks for what is left, and nothing comes twice."""
    calls = []

    async def answer(request):
        calls.append(request.path)
        return web.Response(text='{"price": 5}')

    hook.answer = answer
    competitor = await market.competitor()
    for number in range(3):
        source = URL_SOURCE | {"url": hook.url.replace("hook", f"s{number}")}
        await market.series(competitor, key=f"s{number}", source=source)
    kept, take = [], service.take_answer

    async def take_two(session, order, *rest):
        if len(kept) == 1:
            raise OSError("the worker ends here")
        kept.append(order)
        await take(session, order, *rest)

    monkeypatch.setattr(service, "take_answer", take_two)
    with pytest.raises(OSError, match="ends here"):
        await market.world.recur()
    monkeypatch.setattr(service, "take_answer", take)
    first = len(calls)

    await market.world.recur()

    assert (first, len(calls) - first) == (3, 2)
    assert [len(await market.points(f"{competitor}/series/s{number}")) for number in range(3)] == [1, 1, 1]


async def test_each_workspace_pulls_its_own(market, hook):
    async def answer(request):
        return web.Response(text='{"price": 5}')

    hook.answer = answer
    theirs = await market.world.api.key("metrics:read", "metrics:write", workspace="other")
    made = await market.world.send("POST", PATH, json={"name": "Theirs"}, headers=theirs)
    at_theirs = f"{PATH}/{made.json()['id']}/series"
    body = {"key": "price", "name": "Price", "source": URL_SOURCE | {"url": hook.url}}
    assert (await market.world.send("POST", at_theirs, json=body, headers=theirs)).status_code == 201
    ours = await market.series(source=body["source"])

    await market.world.recur()

    assert len(hook.calls) == 2
    shown = (await market.world.send("GET", f"{at_theirs}/price/points", headers=theirs)).json()["items"]
    assert (len(await market.points(ours)), len(shown)) == (1, 1)


async def test_a_source_that_changes_while_it_is_asked_takes_no_answer_of_the_old_one(market, hook):
    other = URL_SOURCE | {"url": hook.url, "pointer": "/cost"}

    async def answer(request):
        hook.answer = later
        changed = await market.world.send("PATCH", series, json={"source": other})
        assert changed.status_code == 200
        return web.Response(text='{"price": 5}')

    async def later(request):
        return web.Response(text='{"cost": 7}')

    hook.answer = answer
    series = await market.series(source=URL_SOURCE | {"url": hook.url})

    await market.world.recur()

    assert [value for _, value in await market.points(series)] == [7]


async def test_a_hostile_answer_is_told_and_costs_little(market, hook):
    """Objects in objects, numbers beyond doubles, a cell of 200 KB: each is refused in words."""
    bodies = [
        '{"price":' * 5_000,
        '{"price": 1e999}',
        '{"price": ' + "9" * 400 + "}",
        '{"price": "' + "9" * 200_000 + '"}',
    ]
    seen = []
    for place, body in enumerate(bodies):

        async def answer(request, body=body):
            return web.Response(text=body)

        hook.answer = answer
        series = await market.series(key=f"s{place}", source=URL_SOURCE | {"url": hook.url})
        await market.world.recur()
        seen.append(((await market.world.get(series))["last_error"] is not None, len(await market.points(series))))

    assert seen == [(True, 0)] * 4


async def test_a_number_of_the_day_that_clocks_change_is_of_that_day(market):
    """29 March 2026 in Berlin has 23 hours: its last second still counts to it."""
    world = market.world
    admin = await world.api.key("metrics:admin")
    await world.send("PATCH", "/v1/workspace", json={"time_zone": "Europe/Berlin"}, headers=admin)
    await world.kpi(key="ours")
    world.api.clock.set(NOON + timedelta(days=60))
    series = await market.series()
    await market.say(series, ("2026-03-29T21:59:59Z", 1), ("2026-03-29T22:00:00Z", 2), ("2026-03-28T23:00:00Z", 3))
    for value, moment in ((10, "2026-03-29T21:59:59Z"), (20, "2026-03-29T22:00:00Z")):
        await world.post("/v1/kpis/ours/values", {"value": value, "at": moment})

    found = await world.get(f"{series}/compare", **{"kpi": "ours", "from": "2026-03-28", "to": "2026-03-30"})

    assert [(day["ours"], day["theirs"]) for day in found["days"]] == [(None, None), (10, 1), (20, 2)]


async def test_a_whole_year_fits_and_a_day_more_does_not(market):
    await market.world.kpi(key="ours")
    series = await market.series()
    year = {"kpi": "ours", "from": "2025-01-01"}

    found = await market.world.get(f"{series}/compare", **year, to="2026-01-01")
    refused = await market.world.send("GET", f"{series}/compare", params=year | {"to": "2026-01-02"})

    assert (len(found["days"]), found["base_day"]) == (366, None)
    assert (refused.status_code, pointers(refused)) == (422, ["/query/to"])


async def test_a_table_of_ten_thousand_rows_is_taken(market):
    series = await market.series()
    first = datetime(1995, 1, 1, tzinfo=UTC).date()
    text = "at,value\n" + "".join(f"{first + timedelta(days=day)},{day}\n" for day in range(10_000))

    taken = await market.send_table(series, text.encode())

    assert taken.json() == {"created": 10_000, "corrected": 0}
    assert [value for _, value in await market.points(series, limit=2)] == [9_999, 9_998]


async def test_competitors_and_series_are_bounded(market, monkeypatch):
    monkeypatch.setattr(limits, "COMPETITORS_PER_WORKSPACE", 2)
    monkeypatch.setattr(limits, "COMPETITOR_SERIES_PER_WORKSPACE", 2)
    one, other = await market.competitor(), await market.competitor()
    await market.series(one), await market.series(other)

    refused = [
        await market.world.send("POST", PATH, json={"name": "third"}),
        await market.world.send("POST", f"{one}/series", json={"key": "third", "name": "x"}),
    ]

    assert [answer.status_code for answer in refused] == [409, 409]


@pytest.mark.parametrize("number", [1e300, -1.7e308, 5e-324, 2.0**63, -0.0])
async def test_numbers_as_large_as_they_come_are_kept_told_and_compared(market, number):
    await market.world.kpi(key="ours")
    await market.world.report(5e-324, key="ours")
    series = await market.series(alert={"change": LEAST})
    await market.say(series, (at(1), -number), (at(2), 1))
    await market.say(series, (market.world.now.isoformat(), number))

    assert (await market.points(series))[0][1] == number
    assert len((await market.world.get(f"{series}/compare", kpi="ours"))["days"]) == 90
    assert await market.changes() != []


async def test_the_same_time_pulled_again_corrects_and_is_no_second_point(market, hook):
    """The answer names its own day: pulled hourly it stays one point, which is corrected once."""
    prices = [10, 10, 12]

    async def answer(request):
        return web.json_response({"price": prices.pop(0), "as_of": "2026-03-02"})

    hook.answer = answer
    series = await market.series(source=URL_SOURCE | {"url": hook.url, "at_pointer": "/as_of", "every": "PT1H"})

    for _ in range(3):
        await market.world.recur()
        market.world.api.clock.advance(timedelta(hours=1))

    assert (await market.points(series), prices) == ([("2026-03-02T00:00:00Z", 12)], [])


async def test_a_source_that_may_not_be_called_leaves_the_old_one(market, hook):
    series = await market.series(source=URL_SOURCE | {"url": hook.url})
    before = await market.world.get(series)

    for url in ("http://10.0.0.1/", "http://[::1]/", "file:///etc/passwd", "http://2130706433/"):
        refused = await market.world.send("PATCH", series, json={"source": URL_SOURCE | {"url": url}})
        assert (refused.status_code, pointers(refused)) == (422, ["/source/url"]), url

    assert await market.world.get(series) == before


async def test_points_under_one_key_are_taken_once_and_again_replayed(market):
    series = await market.series(alert={"change": LEAST})
    await market.say(series, (at(1), 1))
    headers = market.world.headers | {"idempotency-key": "once"}
    body = {"points": [{"at": at(2), "value": 2}]}

    answers = [await market.world.send("POST", f"{series}/points", json=body, headers=headers) for _ in range(2)]

    assert [(each.status_code, each.json()["created"]) for each in answers] == [(201, 1), (201, 1)]
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[0].headers["location"] == "points"
    assert len(await market.changes()) == 1


async def test_all_who_say_points_at_once_are_heard(market):
    series = await market.series()

    await asyncio.gather(*(market.say(series, (at(day), day)) for day in range(8)))

    assert [value for _, value in await market.points(series)] == [7, 6, 5, 4, 3, 2, 1, 0]


async def test_a_page_as_csv_says_how_to_go_on(market):
    series = await market.series()
    await market.say(series, *((at(day), day) for day in range(3)))
    accept = market.world.headers | {"accept": "text/csv"}

    first = await market.world.send("GET", f"{series}/points", params={"limit": 2}, headers=accept)
    query = {"limit": 2, "cursor": first.headers["next-cursor"]}
    rest = await market.world.send("GET", f"{series}/points", params=query, headers=accept)

    assert [line.partition(",")[2] for line in first.text.splitlines()] == ["value", "2.0", "1.0"]
    assert [line.partition(",")[2] for line in rest.text.splitlines()] == ["value", "0.0"]
    assert "next-cursor" not in rest.headers


async def test_what_is_told_names_the_competitor_and_its_series(market):
    competitor = await market.competitor(name="竞品甲")
    series = await market.series(competitor, key="share", name="份额", alert={"change": LEAST})
    await market.say(series, (at(1), 0), (at(2), 0.3))

    [event] = await market.world.told("competitor.changed")

    assert event.subject == f"competitor/{competitor.rpartition('/')[2]}"
    named = {"competitor": "竞品甲", "series": "share", "series_name": "份额", "unit": None, "change": None}
    assert event.data | named == event.data


@pytest.mark.parametrize("text", ["%", "_", "\\", "'; DROP TABLE competitor; --"])
async def test_a_text_is_looked_for_as_it_is(market, text):
    await market.competitor(name="plain")
    await market.competitor(name=f"odd {text} name")

    found = (await market.world.get(PATH, text=text))["items"]

    assert [each["name"] for each in found] == [f"odd {text} name"]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({"to": "0001-01-10"}, ["/query/to"]),
        ({"from": "9999-12-31"}, ["/query/from"]),
        ({"from": "0001-01-01", "to": "0001-12-31"}, ["/query/from", "/query/to"]),
    ],
)
async def test_days_far_from_ours_are_refused_by_name(market, days, expected):
    await market.world.kpi(key="ours")
    series = await market.series()

    answer = await market.world.send("GET", f"{series}/compare", params={"kpi": "ours"} | days)

    assert (answer.status_code, pointers(answer)) == (422, expected)


async def test_a_day_that_the_zone_left_out_has_no_number(market):
    """After the 29th of December 2011 Apia had the 31st."""
    world = market.world
    admin = await world.api.key("metrics:admin")
    await world.send("PATCH", "/v1/workspace", json={"time_zone": "Pacific/Apia"}, headers=admin)
    await world.kpi(key="ours")
    series = await market.series()
    for place, moment in enumerate(("2011-12-30T09:00:00Z", "2011-12-30T11:00:00Z"), 1):  # of the 29th and of the 31st
        await market.say(series, (moment, place))
        await world.post("/v1/kpis/ours/values", {"value": place, "at": moment})

    found = await world.get(f"{series}/compare", **{"kpi": "ours", "from": "2011-12-29", "to": "2011-12-31"})

    assert [(day["ours"], day["theirs"]) for day in found["days"]] == [(1, 1), (None, None), (2, 2)]
