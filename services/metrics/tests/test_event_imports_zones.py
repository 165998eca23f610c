"""Times without an offset are of the workspace's zone, or of the one that an import names, as spreadsheets mean them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from opsloop_metrics.reading.rules import time_of
from services.metrics.tests.event_imports import PATH, imports

__all__ = ["imports"]
HEAD = "event,time,user_id\n"
ORDERS = "order_id,user_id,amount,currency,time\n"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2026-11-20 00:30:00", "Asia/Shanghai", "2026-11-19T16:30:00+00:00"),
        ("2026-11-20", "Asia/Shanghai", "2026-11-19T16:00:00+00:00"),
        ("20261120", "Asia/Shanghai", "2026-11-19T16:00:00+00:00"),
        ("2026-11-20T00:30:00+00:00", "Asia/Shanghai", "2026-11-20T00:30:00+00:00"),
        ("2026-11-20T00:30:00Z", "Asia/Shanghai", "2026-11-20T00:30:00+00:00"),
        ("1763598600", "Asia/Shanghai", "2025-11-20T00:30:00+00:00"),
        ("2026-03-08 02:30", "America/New_York", "2026-03-08T07:30:00+00:00"),  # clocks go from 2 to 3: it is 3:30
        ("2026-11-01 01:30", "America/New_York", "2026-11-01T05:30:00+00:00"),  # comes twice: the first
    ],
)
def test_a_time_is_of_its_offset_or_of_the_zone(text, zone, instant):
    assert time_of(text, "time", ZoneInfo(zone)).isoformat() == instant


async def live_in(imports, zone):
    changed = await patched(imports, zone)
    assert changed.status_code == 200, changed.text


async def patched(imports, zone):
    admin = await imports.world.api.key("metrics:admin")
    return await imports.world.send("PATCH", "/v1/workspace", json={"time_zone": zone}, headers=admin)


async def times(imports):
    return [row[0][:16] for row in await imports.events("SELECT time FROM opsloop.event ORDER BY time")]


@pytest.mark.parametrize(
    ("given", "zone", "stored"),
    [
        ({}, "Asia/Shanghai", "2020-02-28 16:30"),
        ({"time_zone": "Europe/Berlin"}, "Europe/Berlin", "2020-02-28 23:30"),
        ({"time_zone": "UTC"}, "UTC", "2020-02-29 00:30"),
    ],
)
async def test_events_are_read_in_the_workspaces_zone_unless_the_import_names_one(imports, given, zone, stored):
    await live_in(imports, "Asia/Shanghai")

    shown = await imports.run(f"{HEAD}E,2020-02-29 00:30:00,u1\n", **given)

    assert (shown["time_zone"], await times(imports)) == (zone, [stored])


async def test_a_zone_that_changes_later_changes_no_file(imports):
    await live_in(imports, "Asia/Shanghai")
    made = await imports.upload(f"{HEAD}E,2020-02-29 00:30:00,u1\n")
    await live_in(imports, "UTC")
    await imports.tick()

    assert (await imports.shown(made["id"]))["time_zone"] == "Asia/Shanghai"
    assert await times(imports) == ["2020-02-28 16:30"]


async def test_a_preview_says_which_zone_and_shows_instants(imports):
    await live_in(imports, "Asia/Shanghai")
    path, body = f"{PATH}/preview", f"{HEAD}E,2020-02-29 00:30:00,u1\n"

    shown = (await imports.send("POST", path, body, expect=200)).json()
    other = (await imports.send("POST", path, body, expect=200, time_zone="Europe/Berlin")).json()

    assert (shown["time_zone"], shown["rows"][0]["time"]) == ("Asia/Shanghai", "2020-02-28T16:30:00Z")
    assert (other["time_zone"], other["rows"][0]["time"]) == ("Europe/Berlin", "2020-02-28T23:30:00Z")


async def test_orders_are_read_in_it_too(imports):
    await live_in(imports, "Asia/Shanghai")
    await imports.run(f"{ORDERS}o1,u1,5,CNY,2026-03-01 00:30\no2,u1,5,CNY,2026-03-01T00:30:00Z\n", format="orders")

    found = (await imports.world.get("/v1/orders"))["items"]
    assert {each["order_id"]: each["ordered_at"] for each in found} == {
        "o1": "2026-02-28T16:30:00Z",
        "o2": "2026-03-01T00:30:00Z",
    }


async def test_a_day_of_a_store_is_that_day_in_any_zone(imports):
    await live_in(imports, "Asia/Shanghai")
    await imports.run("day,store,app,country,downloads\n2026-03-01,s,a,CN,1\n", format="store_downloads")

    assert [each["day"] for each in (await imports.world.get("/v1/store-downloads"))["items"]] == ["2026-03-01"]


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("Asia/Bejing", "Asia/Shanghai"),
        ("China Standard Time", "Asia/Shanghai"),
        ("UTC+8", "Asia/Shanghai"),
        ("asia/shanghai", "Asia/Shanghai"),
        ("Europe/Berln", "Europe/Berlin"),
    ],
)
async def test_a_zone_that_there_is_not_is_refused_with_the_nearest(imports, zone, meant):
    answers = [
        await imports.send("POST", PATH, f"{HEAD}E,2020-02-29,u1\n", time_zone=zone),
        await imports.send("POST", f"{PATH}/preview", f"{HEAD}E,2020-02-29,u1\n", time_zone=zone),
        await patched(imports, zone),
        await imports.world.send(
            "POST", "/v1/insights/trends", json={"time_zone": zone, "series": [{"event": "E", "aggregate": "count"}]}
        ),
    ]

    assert [answer.status_code for answer in answers] == [422] * 4
    for answer in answers:
        assert f"did you mean {meant}?" in answer.text
