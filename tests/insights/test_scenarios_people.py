"""Scenario 12: a person is erased and everything of theirs is gone; robots are left out and can be seen apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.insights.product import Product
from tests.insights.segment import Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.xdist_group("insights")]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = {"from": "2026-03-01", "to": "2026-03-09", "time_zone": "UTC"}
PERSON = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
AGENTS = {
    "a person": f"Mozilla/5.0 (X11; Linux x86_64) {PERSON}",
    "a crawler": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "a headless browser": f"Mozilla/5.0 (X11; Linux x86_64) {PERSON.replace('Chrome', 'HeadlessChrome')}",
    "a server": "python-requests/2.32.3",
}


def sent(type: str, number: int, *, day: int = 2, agent: str | None = None, **more: Any) -> Json:
    """Return a message of the 10th hour of a day in March."""
    context = {"userAgent": agent} if agent else {}
    when = f"2026-03-{day:02}T10:{number:02}:00Z"
    return {"type": type, "messageId": f"{type}-{number}", "timestamp": when, "context": context, **more}


def story() -> list[Json]:
    """Return what u1 (before: a1, then also b1) and u2 did: five events of two people."""
    return [
        sent("track", 1, anonymousId="a1", event="Visited"),
        sent("identify", 2, userId="u1", anonymousId="a1", traits={"name": "marker-of-u1"}),
        sent("alias", 3, userId="u1", previousId="b1"),
        sent("group", 4, userId="u1", groupId="g1", traits={"seats": 7}),
        sent("track", 5, userId="u1", event="Signed Up", properties={"note": "marker-of-u1"}),
        sent("track", 6, anonymousId="b1", event="Paid", day=4),
        sent("track", 7, userId="u2", event="Visited"),
        sent("track", 8, userId="u2", event="Signed Up"),
    ]


async def seen(product: Product, workspace: str) -> dict[str, Any]:
    """Return what insights say: people a day, a funnel, who is back on a later day, and what the engine's table has of ids."""

    async def ask(insight: str, **query: Any) -> Any:
        return await product.ask(workspace, insight, DAYS | query, now=NOW)

    active = await ask("active-users")
    way = await ask("funnel", steps=[{"event": name} for name in ("Visited", "Signed Up", "Paid")])
    again = await ask("retention", start={"event": "Visited"}, **{"return": {"event": None}}, periods=3)
    sql = "SELECT DISTINCT distinct_id FROM opsloop.event WHERE workspace = {workspace:String} ORDER BY distinct_id"
    return {
        "2 and 4 March": (active["dau"][1], active["dau"][3]),
        "funnel": [step["count"] for step in way["steps"]],
        "retention of the 2nd": [cell["count"] for cell in again["cohorts"][1]["values"]],
        "ids": [id for (id,) in (await product.store.query(sql, {"workspace": workspace})).rows],
    }


async def test_of_an_erased_person_nothing_is_left_and_nothing_comes_back(product: Product) -> None:
    """Before: u1 and u2 visit and sign up on the 2nd, u1 (as b1) pays on the 4th, two days later. After: u2 alone."""
    await product.capture("erasure", story(), now=NOW)
    before = {
        "2 and 4 March": (2, 1),
        "funnel": [2, 2, 1],
        "retention of the 2nd": [2, 0, 1],
        "ids": ["a1", "b1", "u1", "u2"],
    }
    assert await seen(product, "erasure") == before
    profile = (await product.call("erasure", "GET", "/v1/users/b1")).json()
    assert (set(profile["distinct_ids"]), profile["groups"][0]["key"]) == ({"u1", "a1", "b1"}, "g1")

    await product.call("erasure", "DELETE", "/v1/users/u1", 202)
    await product.work()

    after = {"2 and 4 March": (1, 0), "funnel": [1, 1, 0], "retention of the 2nd": [1, 0, 0], "ids": ["u2"]}
    assert await seen(product, "erasure") == after
    for id in ("u1", "a1", "b1"):
        await product.call("erasure", "GET", f"/v1/users/{id}", 404)
    assert "marker-of-u1" not in (await product.call("erasure", "GET", "/v1/users")).text

    # the very same messages are known still and add nothing; said anew they are refused
    await product.call("erasure", "POST", "/v1/batch", json={"batch": story()[:6]})
    anew = [message | {"messageId": "again-" + message["messageId"]} for message in story()[:6]]
    answer = await product.call("erasure", "POST", "/v1/batch", 400, json={"batch": anew})
    assert [each["reason"] for each in answer.json()["rejected"]] == ["erased"] * 6
    assert await seen(product, "erasure") == after
    log = (await product.call("erasure", "GET", "/v1/rejected-messages")).json()["items"]
    assert {each["reason"] for each in log} == {"erased"}
    assert len(log) == 6
    assert "marker-of-u1" not in str(log)


async def test_robots_are_left_out_and_can_be_counted_beside_people(product: Product) -> None:
    """One of each. What servers call themselves (`python-requests/…`) is no robot, since clients of servers do: 2 of 4 are."""
    messages = [
        sent("track", number, userId=f"r{number}", event="Visited", agent=agent)
        for number, agent in enumerate(AGENTS.values(), start=1)
    ]
    await product.capture("robots", messages, now=NOW)
    query = {"series": [{"event": "Visited", "aggregate": each} for each in ("count", "users")]}

    totals = {}
    for filtered in (False, True):
        asked = DAYS | query | {"include_filtered": filtered}
        answer = await product.ask("robots", "trends", asked, now=NOW)
        totals[filtered] = [series["total"] for series in answer["series"]]

    assert totals == {False: [2, 2], True: [4, 4]}
    sql = "SELECT distinct_id FROM opsloop.event WHERE workspace = 'robots' AND is_bot ORDER BY distinct_id"
    assert [id for (id,) in (await product.store.query(sql)).rows] == ["r2", "r3"]
