"""Tables for Excel: each door that answers with CSV begins it with a byte order mark where that is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.metrics.tests.asked import Insights, did

MARK = b"\xef\xbb\xbf"
OPENAPI = Path(__file__).parents[1] / "openapi.json"


def tabular():
    """Yield the names of the query's parameters of each door that answers with CSV."""
    for path, methods in json.loads(OPENAPI.read_text())["paths"].items():
        for method, said in methods.items():
            if "text/csv" in said.get("responses", {}).get("200", {}).get("content", {}):
                named = {each["name"]: each["schema"] for each in said.get("parameters", [])}
                yield pytest.param(named, id=f"{method} {path}")


@pytest.mark.parametrize("named", list(tabular()))
def test_every_door_of_tables_takes_it_and_leaves_it_out_unless_asked(named):
    assert (named["bom"]["type"], named["bom"]["default"]) == ("boolean", False)


async def test_names_in_chinese_are_marked_as_utf_8(world_with_store):
    world, insights = world_with_store, Insights(world_with_store)
    await insights.happened(did("小王", "支付", "03-01T10:00"))
    query = {"series": [{"event": "支付"}], "from": "2026-03-01", "to": "2026-03-01", "time_zone": "UTC"}
    kept = await world.post("/v1/insights", {"name": "支付", "kind": "trends", "query": query})
    people = await world.post("/v1/segments", {"name": "名单", "kind": "static"})
    members = f"/v1/segments/{people['id']}/members"
    await world.send("PUT", members, json={"user_ids": ["小王"]})
    await world.kpi(unit="人")
    accepts = {"headers": world.headers | {"Accept": "text/csv"}}
    doors = [
        ("POST", "/v1/insights/trends", accepts | {"json": query}),
        ("GET", f"/v1/insights/{kept['id']}.csv", {}),
        ("GET", "/v1/kpis/k/series.csv", {}),
        ("GET", members, accepts),
    ]

    for method, path, options in doors:
        plain, marked, unmarked = [
            await world.send(method, f"{path}{query}", **options) for query in ("", "?bom=true", "?bom=false")
        ]
        assert [each.status_code for each in (plain, marked, unmarked)] == [200] * 3
        assert marked.content == MARK + plain.content
        assert unmarked.content == plain.content
        assert marked.headers["content-type"] == plain.headers["content-type"] == "text/csv; charset=utf-8"
        assert plain.headers.get("etag") is None or plain.headers["etag"] != marked.headers["etag"]


async def test_json_has_no_mark(world):
    await world.kpi()
    answer = await world.send("GET", "/v1/segments", params={"bom": "true"})
    competitor = await world.post("/v1/competitors", {"name": "A rival"})
    series = await world.post(f"/v1/competitors/{competitor['id']}/series", {"key": "price", "name": "Price"})
    points = f"/v1/competitors/{competitor['id']}/series/{series['key']}/points"

    shown = await world.send("GET", points, params={"bom": "true"})

    assert answer.content.startswith(b"{")
    assert (shown.content.startswith(b"{"), shown.json()["items"]) == (True, [])
