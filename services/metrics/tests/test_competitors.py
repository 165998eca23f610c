"""Competitors over time: what is told, what is pulled, and what a bad answer leaves behind."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from opsloop_common import limits
from opsloop_common.testing.hooks import hooked
from opsloop_common.testing.http import settings_for_tests
from opsloop_metrics.competitors import rules
from opsloop_metrics.settings import MetricsSettings
from services.metrics.tests.market import URL_SOURCE, Market

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def day(number):
    return f"2026-02-{number:02}T00:00:00Z"


@pytest.fixture
async def hook():
    async with hooked() as made:
        yield made


@pytest.fixture
async def market(make_world):
    """A market whose addresses are on this machine."""
    world = await make_world(settings_for_tests(MetricsSettings, outbound_allow="127.0.0.0/8", port=1))
    world.api.clock.set(NOON)
    return Market(world)


def answering(hook, *bodies, **options):
    """Have the next requests answered so; the last one for ever."""
    left = list(bodies)

    async def answer(request):
        body = left.pop(0) if len(left) > 1 else left[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, **options)

    hook.answer = answer


async def pull(market, **time):
    market.world.api.clock.advance(timedelta(**time))
    await market.world.recur()


async def pulled(market, hook, **source):
    return await market.series(source=URL_SOURCE | {"url": hook.url} | source)


async def test_a_change_is_told_once(market):
    """100 to 119 is 19 %, 119 to 143 is 20.2 %: of an alert at 20 % the second is told."""
    competitor = await market.competitor(name="A rival")
    series = await market.series(competitor, unit="CNY", alert={"change": 0.2})
    await market.say(series, (day(1), 100))
    await market.say(series, (day(2), 119))
    assert await market.changes() == []

    for _ in range(2):
        await market.say(series, (day(3), 143))

    [told] = await market.changes()
    assert told == {
        "competitor_id": competitor.rpartition("/")[2],
        "competitor": "A rival",
        "series": "price",
        "series_name": "Price",
        "unit": "CNY",
        "value": 143,
        "previous": 119,
        "change": pytest.approx(24 / 119),
        "at": day(3),
        "previous_at": day(2),
    }


async def test_history_that_comes_late_is_no_news_and_of_many_the_newest_is(market):
    series = await market.series(alert={"change": 0.2})
    await market.say(series, (day(10), 100))
    await market.say(series, (day(1), 1), (day(2), 50), (day(3), 500))
    assert await market.changes() == []

    await market.say(series, (day(13), 30), (day(12), 60), (day(11), 200))

    assert [(told["value"], told["previous"]) for told in await market.changes()] == [(30, 60)]


async def test_a_correction_of_what_was_told_is_not_told_again(market):
    series = await market.series(alert={"change": 0.5})
    await market.say(series, (day(1), 10), (day(2), 11))
    await market.say(series, (day(2), 30))
    await market.say(series, (day(2), 40))
    assert [told["value"] for told in await market.changes()] == [30]
    await market.say(series, (day(3), 40))
    assert len(await market.changes()) == 1


async def test_without_an_alert_nobody_is_told(market):
    series = await market.series()
    await market.say(series, (day(1), 1))
    await market.say(series, (day(2), 1_000))
    assert await market.changes() == []


async def test_two_who_say_one_point_at_once_tell_of_it_once(market):
    series = await market.series(alert={"change": 0.2})
    await market.say(series, (day(1), 10))

    await asyncio.gather(*(market.say(series, (day(2), 20)) for _ in range(4)))

    assert len(await market.changes()) == 1


async def test_a_number_is_pulled_as_often_as_it_says(market, hook):
    """Every day from noon: 10, then 13, which is 30 % more."""
    answering(hook, {"price": 10}, {"price": "13.0"})
    series = await pulled(market, hook)
    assert (await market.world.get(series))["pull_at"] == "2026-03-02T12:00:00Z"
    await market.world.send("PATCH", series, json={"alert": {"change": 0.3}})

    await pull(market)
    assert await market.points(series) == [("2026-03-02T12:00:00Z", 10)]
    await pull(market, hours=23)
    assert len(hook.calls) == 1
    await pull(market, hours=1)

    assert await market.points(series) == [("2026-03-03T12:00:00Z", 13), ("2026-03-02T12:00:00Z", 10)]
    assert [told["change"] for told in await market.changes()] == [pytest.approx(0.3)]
    shown = await market.world.get(series)
    assert (shown["pulled_at"], shown["last_error"]) == ("2026-03-03T12:00:00Z", None)
    headers, body = hook.calls[0]
    assert (headers["accept"], headers["user-agent"], body) == ("application/json", "OpsLoop-Series/1", b"")
    assert not {"authorization", "cookie"} & headers.keys()


async def test_a_table_is_pulled_with_its_days(market, hook):
    answering(hook, "day,share\n2026-02-27,0.2\n2026-02-28,0.25\n2099-01-01,9\n")
    series = await pulled(market, hook, format="csv", pointer=None, column="share", at_column="day")

    await pull(market)

    assert await market.points(series) == [("2026-02-28T00:00:00Z", 0.25), ("2026-02-27T00:00:00Z", 0.2)]
    assert (await market.world.get(series))["source"]["at_column"] == "day"


@pytest.mark.parametrize(
    ("body", "options", "words"),
    [
        ("<html>", {}, "the answer is not JSON"),
        ({"cost": 1}, {}, "the answer has nothing where the pointer leads"),
        ({"price": "on request"}, {}, "must be a number such as 1234.5"),
        ({"price": 1}, {"status": 404}, "It answered with status 404."),
        (
            {"price": 1},
            {"status": 302, "headers": {"location": "http://169.254.169.254/"}},
            "It answered with status 302.",
        ),
        (" " * 300_000 + '{"price": 1}', {}, "The answer was longer than 256 KiB."),
        (
            {"price": 1},
            {"headers": {"content-encoding": "gzip"}},
            "The answer was compressed, which was not asked for.",
        ),
    ],
)
async def test_an_answer_that_cannot_be_used_says_why_and_is_asked_for_again(market, hook, body, options, words):
    answering(hook, body, **options)
    series = await pulled(market, hook)

    await pull(market)

    shown = await market.world.get(series)
    assert (shown["last_error"], shown["pull_at"]) == (words, "2026-03-02T13:00:00Z")
    assert await market.points(series) == []
    answering(hook, {"price": 3})
    await pull(market, hours=1)
    assert (await market.world.get(series))["last_error"] is None
    assert len(await market.points(series)) == 1


async def test_what_does_not_answer_is_told_by_its_kind(market, hook):
    series = await pulled(market, hook)
    await market.world.send("PATCH", series, json={"source": URL_SOURCE | {"url": "http://127.0.0.1:9/"}})

    await pull(market)

    assert (await market.world.get(series))["last_error"] == "The connection failed."


async def test_an_address_that_became_forbidden_is_not_called(market, hook, make_world):
    """Allowed when it was said, and not any more: the operator took the network away."""
    answering(hook, {"price": 1})
    series = await pulled(market, hook)
    client = market.world.api.runtime.db.grounds.ports.outbound
    client.policy = type(client.policy)("allowlist")

    await pull(market)

    assert hook.calls == []
    assert "may not be called" in (await market.world.get(series))["last_error"]


async def test_another_source_is_asked_soon_and_by_hand_no_more(market, hook):
    answering(hook, {"price": 1, "cost": 2})
    series = await pulled(market, hook)
    await pull(market)

    other = URL_SOURCE | {"url": hook.url, "pointer": "/cost", "every": "PT1H"}
    changed = await market.world.send("PATCH", series, json={"source": other})
    assert changed.json()["source"] == other | dict.fromkeys(("at_pointer", "column", "at_column"))
    await pull(market, minutes=5)
    assert [value for _, value in await market.points(series)] == [2, 1]

    by_hand = await market.world.send("PATCH", series, json={"source": "manual"})
    assert (by_hand.json()["source"], by_hand.json()["pull_at"]) == ("manual", None)
    await pull(market, days=9)
    assert len(hook.calls) == 2


async def test_many_are_pulled_a_few_at_a_time(market, hook):
    at_once, most = 0, 0

    async def answer(request):
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        await asyncio.sleep(0)  # others that are on their way come in
        at_once -= 1
        return web.Response(text='{"price": 5}')

    hook.answer = answer
    competitor = await market.competitor()
    found = [
        await market.series(competitor, key=f"s{number}", source=URL_SOURCE | {"url": hook.url}) for number in range(19)
    ]

    await pull(market)

    assert len(hook.calls) == 19
    assert most <= rules.PULLED_AT_ONCE
    assert [len(await market.points(series)) for series in found] == [1] * 19


async def test_a_workspace_pulls_a_bounded_number(market, hook, monkeypatch):
    monkeypatch.setattr(limits, "COMPETITOR_SERIES_PULLED", 2)
    competitor = await market.competitor()
    body = {"name": "x", "source": URL_SOURCE | {"url": hook.url}}

    answers = [
        await market.world.send("POST", f"{competitor}/series", json=body | {"key": f"s{number}"})
        for number in range(3)
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 409]
    by_hand = await market.series(competitor, key="hand")
    refused = await market.world.send("PATCH", by_hand, json={"source": body["source"]})
    assert refused.status_code == 409

    # one of those that are pulled stays one of them, from wherever it is pulled
    other = body["source"] | {"pointer": "/cost"}
    changed = await market.world.send("PATCH", f"{competitor}/series/s0", json={"source": other})
    assert (changed.status_code, changed.json()["source"]["pointer"]) == (200, "/cost")


async def test_a_series_has_a_bounded_number_of_points(market, hook, monkeypatch):
    monkeypatch.setattr(limits, "COMPETITOR_POINTS", 2)
    answering(hook, {"price": 1})
    series = await pulled(market, hook)
    await market.say(series, (day(1), 1), (day(2), 2))

    full = await market.world.send("POST", f"{series}/points", json={"points": [{"value": 3}]})
    await pull(market)

    assert full.status_code == 409
    assert "at most 2 points" in (await market.world.get(series))["last_error"]


async def test_a_full_series_takes_corrections(market, hook, monkeypatch):
    """Two points of two: both are corrected, by hand and by what is pulled each time; one more is not taken, nor what comes with it."""
    monkeypatch.setattr(limits, "COMPETITOR_POINTS", 2)
    answering(hook, *(f"at,price\n{day(1)},{price}\n{day(2)},7\n" for price in (1, 2)))
    source = {"type": "url", "format": "csv", "column": "price", "at_column": "at", "url": hook.url, "every": "PT1H"}
    series = await market.series(source=source)

    for asked in (1, 2):
        await pull(market, hours=asked)
        assert ((await market.world.get(series))["last_error"], len(hook.calls)) == (None, asked)
        assert [value for _, value in await market.points(series)] == [7, asked]

    assert await market.say(series, (day(1), 3), (day(2), 4)) == (0, 2)
    assert await market.say(series, (day(1), 3)) == (0, 0)
    one_more = {"points": [{"at": day(1), "value": 9}, {"at": day(3), "value": 9}]}
    refused = await market.world.send("POST", f"{series}/points", json=one_more)
    assert (refused.status_code, "at most 2 points" in refused.json()["detail"]) == (409, True)
    assert [value for _, value in await market.points(series)] == [4, 3]


async def test_a_series_that_goes_while_it_is_asked_leaves_nothing(market, hook):
    series = await pulled(market, hook)

    async def answer(request):
        assert (await market.world.send("DELETE", series)).status_code == 204
        return web.Response(text='{"price": 5}')

    hook.answer = answer
    await pull(market)

    assert (await market.world.send("GET", series)).status_code == 404


async def test_one_bad_address_keeps_no_other_from_being_pulled(market, hook):
    answering(hook, {"price": 1})
    bad = await market.series(source=URL_SOURCE | {"url": "http://127.0.0.1:9/"})
    good = await pulled(market, hook)

    await pull(market)

    assert [len(await market.points(series)) for series in (bad, good)] == [0, 1]
