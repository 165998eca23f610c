"""Competitors through the door: kept, shown, listed, changed, refused."""

import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin

import pytest

from opsloop_common.db import Context
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import Measured
from services.metrics.tests.market import PATH, URL_SOURCE, Market, pointers

RIVAL = {"name": "竞品甲", "url": "https://example.com/", "notes": "Strong in the south"}


@pytest.fixture
def market(world):
    return Market(world)


async def test_a_competitor_is_kept_shown_changed_and_thrown_away(market):
    world = market.world
    made = await world.send("POST", PATH, json=RIVAL)
    assert (made.status_code, made.json() | RIVAL) == (201, made.json())
    at = urljoin(PATH, made.headers["location"])
    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])

    headers = world.headers | {"If-Match": shown.headers["etag"]}
    changed = await world.send("PATCH", at, json={"notes": None}, headers=headers)
    assert (changed.status_code, changed.json()["notes"]) == (200, None)
    assert (await world.send("PATCH", at, json={"name": "x"}, headers=headers)).status_code == 412
    assert (await world.send("DELETE", at, headers=headers)).status_code == 412

    series = await market.series(at)
    assert (await world.send("DELETE", at)).status_code == 204
    for path in (at, series, f"{series}/points"):
        assert (await world.send("GET", path)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"name": ""}, ["/name"]),
        ({"name": None}, ["/name"]),
        ({"url": "javascript:alert(1)"}, ["/url"]),
        ({"notes": ""}, ["/notes"]),
        ({"nmae": "x"}, ["/nmae"]),
    ],
)
async def test_what_is_malformed_is_named(market, fields, wanted):
    refused = await market.world.send("POST", PATH, json=RIVAL | fields)
    assert (refused.status_code, pointers(refused)) == (422, wanted)


async def test_competitors_are_listed_newest_first_and_found_by_a_text(market):
    for name in ("north", "south", "northern"):
        await market.competitor(name=name)

    async def names(**query):
        return [each["name"] for each in (await market.world.get(PATH, **query))["items"]]

    assert await names() == ["northern", "south", "north"]
    assert await names(text="NORTH") == ["northern", "north"]
    page = await market.world.get(PATH, limit=2)
    assert await names(limit=2, cursor=page["next_cursor"]) == ["north"]


async def test_a_series_is_kept_shown_listed_changed_and_thrown_away(market):
    world = market.world
    competitor = await market.competitor()
    body = {"key": "price", "name": "Price", "unit": "CNY", "alert": {"change": 0.2}}
    made = await world.send("POST", f"{competitor}/series", json=body)
    assert (made.status_code, made.json() | body | {"source": "manual", "last_error": None}) == (201, made.json())
    at = urljoin(f"{competitor}/series", made.headers["location"])
    assert (await world.get(at)) == made.json()
    assert [each["key"] for each in (await world.get(f"{competitor}/series"))["items"]] == ["price"]

    again = await world.send("POST", f"{competitor}/series", json=body)
    assert again.status_code == 409
    await market.series(await market.competitor())  # another competitor's may be called the same

    headers = world.headers | {"If-Match": made.headers["etag"]}
    changed = await world.send("PATCH", at, json={"alert": None, "unit": None}, headers=headers)
    assert (changed.status_code, changed.json()["alert"], changed.json()["unit"]) == (200, None, None)
    assert (await world.send("PATCH", at, json={"name": "x"}, headers=headers)).status_code == 412
    assert (await world.send("DELETE", at)).status_code == 204
    assert (await world.send("GET", at)).status_code == 404


async def test_two_who_take_one_key_at_once_are_told_apart(market):
    competitor = await market.competitor()
    body = {"key": "price", "name": "Price"}

    answers = await asyncio.gather(*(market.world.send("POST", f"{competitor}/series", json=body) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


SENSELESS = [
    ({"key": "A B"}, ["/key"]),
    ({"name": ""}, ["/name"]),
    ({"alert": {"change": 0}}, ["/alert/change"]),
    ({"alert": {}}, ["/alert/change"]),
    ({"source": URL_SOURCE | {"url": "ftp://example.com/"}}, ["/source/url"]),
    ({"source": URL_SOURCE | {"url": "http://127.0.0.1/x"}}, ["/source/url"]),
    ({"source": URL_SOURCE | {"url": "http://169.254.169.254/x"}}, ["/source/url"]),
    ({"source": URL_SOURCE | {"url": "http://a:b@example.com/"}}, ["/source/url"]),
    ({"source": URL_SOURCE | {"url": "https://example.com/", "pointer": None}}, ["/source/pointer"]),
    ({"source": URL_SOURCE | {"url": "https://example.com/", "every": "PT1M"}}, ["/source/every"]),
    ({"source": URL_SOURCE | {"url": "https://example.com/", "format": "csv"}}, ["/source/column"]),
]


async def test_a_series_that_makes_no_sense_is_refused(market, subtests):
    competitor = await market.competitor()
    for fields, wanted in SENSELESS:
        with subtests.test(fields=fields):
            refused = await market.world.send(
                "POST", f"{competitor}/series", json={"key": "price", "name": "Price"} | fields
            )
            assert (refused.status_code, pointers(refused)) == (422, wanted)
            assert (await market.world.get(f"{competitor}/series"))["items"] == []


@pytest.mark.parametrize("source", ["automatic", {"type": "file"}, {"type": "url"}, 7])
async def test_a_source_of_no_kind_is_refused_below_its_name(market, source):
    competitor = await market.competitor()
    body = {"key": "price", "name": "Price", "source": source}
    refused = await market.world.send("POST", f"{competitor}/series", json=body)
    assert refused.status_code == 422
    assert all(pointer.startswith("/source") for pointer in pointers(refused))


async def test_points_are_taken_corrected_and_listed_the_latest_first(market):
    series = await market.series()
    days = [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3)]

    assert await market.say(series, (days[1], 2), (days[0], 1)) == (2, 0)
    assert await market.say(series, (days[0], 1), (days[1], 2.5), (days[2], 3)) == (1, 1)

    assert await market.points(series) == [(days[2], 3), (days[1], 2.5), (days[0], 1)]
    assert await market.points(series, **{"from": days[1], "to": days[2]}) == [(days[1], 2.5)]
    page = await market.world.get(f"{series}/points", limit=2)
    assert await market.points(series, limit=2, cursor=page["next_cursor"]) == [(days[0], 1)]
    accept = market.world.headers | {"accept": "text/csv"}
    shown = await market.world.send("GET", f"{series}/points", headers=accept)
    assert shown.text.splitlines() == ["at,value", f"{days[2]},3.0", f"{days[1]},2.5", f"{days[0]},1.0"]


async def test_a_point_without_a_time_is_of_now(market):
    series = await market.series()
    await market.world.post(f"{series}/points", {"points": [{"value": 7}]})
    assert await market.points(series) == [(market.world.now.isoformat().replace("+00:00", "Z"), 7)]


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        ([], ["/points"]),
        ([{"value": 1}] * 1_001, ["/points"]),
        ([{"at": "2026-03-01T00:00:00Z"}], ["/points/0/value"]),
        ([{"at": "soon", "value": 1}], ["/points/0/at"]),
        ([{"value": 1}, {"value": 2}], ["/points/0/at", "/points/1/at"]),
        ([{"at": "2099-03-01T00:00:00Z", "value": 1}], ["/points/0/at"]),
    ],
)
async def test_points_that_make_no_sense_are_refused_and_none_is_kept(market, points, wanted):
    series = await market.series()
    refused = await market.world.send("POST", f"{series}/points", json={"points": points})
    assert (refused.status_code, pointers(refused)) == (422, wanted)
    assert await market.points(series) == []


async def test_a_table_is_taken_whole_and_again_changes_nothing(market):
    series = await market.series()
    text = "日期,价格\n2026-03-01,10\n2026-03-02,12.5\n".encode()
    columns = {"at_column": "日期", "value_column": "价格"}

    taken = [(await market.send_table(series, text, **columns)).json() for _ in range(2)]

    assert taken == [{"created": 2, "corrected": 0}, {"created": 0, "corrected": 0}]
    assert await market.points(series) == [("2026-03-02T00:00:00Z", 12.5), ("2026-03-01T00:00:00Z", 10)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"", ["/at_column", "/value_column"]),
        (b"\xff", [""]),
        (b"at,price\n2026-03-01,1\n", ["/value_column"]),
        (b"at,value\n2026-03-01,1\nsoon,2\n2026-03-03,x\n", ["/2/at", "/3/value"]),
        (b"at,value\n2026-03-01,1\n2026-03-01,2\n", ["/1/at", "/2/at"]),
        (b"at,value\n2099-01-01,1\n", ["/1/at"]),
    ],
)
async def test_a_table_with_a_bad_row_names_it_and_nothing_is_kept(market, text, wanted):
    series = await market.series()
    refused = await market.send_table(series, text)
    assert (refused.status_code, pointers(refused)) == (422, wanted)
    assert await market.points(series) == []


async def test_a_table_is_csv_of_a_bounded_size(market):
    series = await market.series()
    headers = market.world.headers | {"content-type": "application/json"}
    other = await market.world.send("POST", f"{series}/points/import", content=b"{}", headers=headers)
    large = await market.send_table(series, b"at,value\n" + b"2026-03-01,1\n" * 100_000)
    assert (other.status_code, large.status_code) == (415, 413)


async def test_a_table_under_one_key_is_taken_once(market):
    series = await market.series()
    headers = market.world.headers | {"content-type": "text/csv", "idempotency-key": "once"}

    async def send(text):
        return await market.world.send("POST", f"{series}/points/import", content=text, headers=headers)

    first, again, other = [await send(f"at,value\n2026-03-01,{value}\n") for value in (1, 1, 2)]

    assert (first.json(), again.json(), other.status_code) == (first.json(), first.json(), 422)
    assert again.headers["idempotency-replayed"] == "true"


async def test_nobody_else_sees_it(market):
    world = market.world
    series = await market.series()
    competitor = series.partition("/series")[0]
    await market.say(series, ("2026-03-01T00:00:00Z", 1))
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    for path in (competitor, f"{competitor}/series", series, f"{series}/points", f"{series}/compare?kpi=k"):
        assert (await world.send("GET", path, headers=theirs)).status_code == 404, path
    for path in (competitor, series):
        assert (await world.send("PATCH", path, json={"name": "x"}, headers=theirs)).status_code == 404
        assert (await world.send("DELETE", path, headers=theirs)).status_code == 404
    body = {"points": [{"value": 1}]}
    assert (await world.send("POST", f"{series}/points", json=body, headers=theirs)).status_code == 404
    assert (await world.send("GET", PATH, headers=theirs)).json()["items"] == []


async def test_rights_are_for_reading_and_writing(market):
    series = await market.series()
    reader, writer = [await market.world.api.key(f"metrics:{each}") for each in ("read", "write")]

    assert (await market.world.send("GET", series, headers=reader)).status_code == 200
    assert (await market.world.send("GET", f"{series}/points", headers=writer)).status_code == 403
    body = {"points": [{"value": 1}]}
    assert (await market.world.send("POST", f"{series}/points", json=body, headers=reader)).status_code == 403
    table = {"content": b"at,value\n", "headers": reader | {"content-type": "text/csv"}}
    assert (await market.world.send("POST", f"{series}/points/import", **table)).status_code == 403


async def test_the_audit_log_says_that_and_not_what(market):
    competitor = await market.competitor(name="secret rival", notes="secret plan")
    await market.series(competitor, name="secret number", unit="secret")

    admin = await market.world.api.key("metrics:admin")
    entries = (await market.world.send("GET", "/v1/audit", headers=admin)).text
    assert "competitor.created" in entries
    assert "competitor_series.created" in entries
    assert "secret" not in entries


async def test_a_kpi_and_a_series_are_compared_by_the_workspaces_days(market):
    """Of 3 March in Shanghai: ours 20 and theirs 5 are 100. On the 4th 30 is 150 of ours, 4 is 80 of theirs."""
    world = market.world
    admin = await world.api.key("metrics:admin")
    await world.send("PATCH", "/v1/workspace", json={"time_zone": "Asia/Shanghai"}, headers=admin)
    await world.kpi(key="ours")
    world.api.clock.set(world.now.replace(year=2026, month=12, day=1))
    for at, value in (("2026-03-02T12:00", 10), ("2026-03-03T00:00", 20), ("2026-03-04T23:59", 30)):
        body = {"value": value, "at": f"{at}:00+08:00"}
        await world.post("/v1/kpis/ours/values", body)
    series = await market.series()
    said = [("2026-03-03T09:00:00+08:00", 7), ("2026-03-03T18:00:00+08:00", 5), ("2026-03-04T00:00:00+08:00", 4)]
    await market.say(series, *said)

    found = await world.get(f"{series}/compare", **{"kpi": "ours", "from": "2026-03-02", "to": "2026-03-05"})

    assert (found["kpi"], found["series"], found["base_day"]) == ("ours", "price", "2026-03-03")
    assert [tuple(day.values()) for day in found["days"]] == [
        ("2026-03-02", 10, None, 50, None),
        ("2026-03-03", 20, 5, 100, 100),
        ("2026-03-04", 30, 4, 150, 80),
        ("2026-03-05", None, None, None, None),
    ]
    assert len((await world.get(f"{series}/compare", kpi="ours"))["days"]) == 90


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["/query/kpi"]),
        ({"kpi": "nobody"}, ["/query/kpi"]),
        ({"kpi": "ours", "from": "2026-13-01"}, ["/query/from"]),
        ({"kpi": "ours", "from": "2026-03-02", "to": "2026-03-01"}, ["/query/to"]),
        ({"kpi": "ours", "from": "2025-01-01", "to": "2026-03-01"}, ["/query/to"]),
    ],
)
async def test_a_comparison_that_makes_no_sense_is_refused(market, query, wanted):
    await market.world.kpi(key="ours")
    series = await market.series()
    refused = await market.world.send("GET", f"{series}/compare", params=query)
    assert (refused.status_code, pointers(refused)) == (422, wanted)


@pytest.mark.parametrize("kind", ["insight", "formula"])
async def test_what_is_measured_from_time_to_time_is_of_the_day_at_whose_end_it_was(market, kind):
    """Yesterday came to 10, the day before to 5, today to 3 so far; of three days ago nothing is known."""
    world = market.world
    world.api.clock.set(datetime(2026, 3, 4, 10, tzinfo=UTC))
    insight = await world.post(
        "/v1/insights", {"name": "n", "kind": "trends", "query": {"series": [{"event": "Paid"}]}}
    )
    await world.kpi(key="a")
    measures = {
        "insight": {"type": "insight", "insight_id": insight["id"]},
        "formula": {"type": "formula", "formula": "a", "of": {"a": "a"}},
    }
    kpi = await world.kpi(measures[kind])
    today = datetime(2026, 3, 4, tzinfo=UTC)
    for back, value in ((2, 5), (1, 10), (0, 3)):
        start = today - timedelta(days=back)
        end = start + timedelta(days=1)
        async with world.api.db.transaction(Context(workspace="acme")) as session:
            await periods.put(session, kpi["id"], [Measured(start, end, min(end, world.now), value)])
    series = await market.series()
    await market.say(series, ("2026-03-03T09:00:00Z", 7))

    found = await world.get(f"{series}/compare", **{"kpi": "k", "from": "2026-03-01"})

    assert [day["ours"] for day in found["days"]] == [None, 5, 10, 3]
    assert (found["base_day"], found["days"][3]["ours_index"]) == ("2026-03-03", 30)


@pytest.mark.parametrize("period", ["week", "month"])
async def test_what_is_known_by_the_week_or_month_is_compared_by_no_day(market, period):
    world = market.world
    await world.kpi(key="a")
    await world.kpi({"type": "formula", "formula": "a", "of": {"a": "a"}}, period=period)
    await world.kpi(key="posted", period=period)
    series = await market.series()

    refused = await world.send("GET", f"{series}/compare", params={"kpi": "k"})

    assert (refused.status_code, pointers(refused)) == (422, ["/query/kpi"])
    assert (await world.send("GET", f"{series}/compare", params={"kpi": "posted"})).status_code == 200


async def test_a_comparison_agrees_with_the_board_at_midnight(market):
    """An event at midnight is of the day that begins, as a value that is posted then, and as on the board."""
    world = market.world
    await world.kpi({"type": "events", "event": "feedback.received", "aggregate": "count"}, key="posts")
    await world.kpi(key="posted")
    midnight = world.now.replace(hour=0, minute=0, second=0, microsecond=0)
    await world.hear(world.received(at=midnight))
    await world.report(4, midnight, key="posted")
    await world.recur()
    series = await market.series()
    since = {"from": str(midnight.date() - timedelta(days=1)), "to": str(midnight.date())}

    for key, wanted in (("posts", [0, 1]), ("posted", [None, 4])):
        found = await world.get(f"{series}/compare", kpi=key, **since)
        assert [day["ours"] for day in found["days"]] == wanted
        board = {point["starts_at"]: point["value"] for point in (await world.get(f"/v1/kpis/{key}"))["series"]}
        for day, value in zip(found["days"], wanted, strict=True):
            assert board.get(f"{day['day']}T00:00:00Z") == value


async def test_a_kpi_of_events_is_compared_too(market):
    world = market.world
    await world.kpi({"type": "events", "event": "feedback.received", "aggregate": "count"}, key="posts")
    await world.hear(world.received(), world.received())
    series = await market.series()
    await market.say(series, (world.now.isoformat(), 8))

    found = await world.get(f"{series}/compare", kpi="posts", **{"from": str((world.now - timedelta(days=1)).date())})

    assert [(day["ours"], day["theirs"], day["ours_index"]) for day in found["days"]] == [(0, None, 0), (2, 8, 100)]
