"""Dashboards through the door: put together, changed, and all tiles answered together."""

import asyncio
from urllib.parse import urljoin
from uuid import uuid4

import pytest
import pytest_asyncio

from opsloop_common.db import ports_of
from opsloop_metrics.dashboards import rules
from opsloop_metrics.ports import MetricsPorts
from services.metrics.tests.kept_questions import Asked, all_insights

PATH = "/v1/dashboards"


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest_asyncio.fixture
async def world(world, asked):
    ports_of(world.api.db, MetricsPorts).insights.update(all_insights(asked))
    return world


async def insight(world, kind="trends", **query):
    made = await world.post("/v1/insights", {"name": f"One of {kind}", "kind": kind, "query": query})
    return made["id"]


async def dashboard(world, *insight_ids, **fields):
    tiles = [{"insight_id": each, "width": 6} for each in insight_ids]
    return await world.post(PATH, {"name": "Product", "tiles": tiles} | fields)


def pointers(answer):
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_dashboard_is_put_together_shown_changed_and_thrown_away(world):
    one, two = await insight(world), await insight(world, "funnel")
    body = {"name": "产品", "description": "Each morning", "tiles": [{"insight_id": one, "width": 12}]}
    made = await world.send("POST", PATH, json=body)
    assert (made.status_code, made.json() | body) == (201, made.json())
    at = urljoin(PATH, made.headers["location"])

    shown = await world.send("GET", at)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])

    change = {"tiles": [{"insight_id": two, "width": 4}, {"insight_id": one, "width": 8}]}
    changed = await world.send("PATCH", at, json=change, headers=world.headers | {"If-Match": shown.headers["etag"]})
    assert (changed.status_code, changed.json()["tiles"]) == (200, change["tiles"])
    stale = await world.send(
        "PATCH", at, json={"name": "x"}, headers=world.headers | {"If-Match": shown.headers["etag"]}
    )
    assert stale.status_code == 412

    assert (await world.send("DELETE", at)).status_code == 204
    assert (await world.send("GET", at)).status_code == 404
    assert await world.get(f"/v1/insights/{one}")


async def test_they_are_listed_newest_first_and_by_text(world):
    for name, description in (("Growth", None), ("留存看板", "growth in words"), ("Support", "tickets")):
        await dashboard(world, name=name, description=description)

    async def names(**query):
        return [each["name"] for each in (await world.get(PATH, **query))["items"]]

    assert await names() == ["Support", "留存看板", "Growth"]
    assert await names(text="growth") == ["留存看板", "Growth"]
    assert await names(text="看板") == ["留存看板"]
    assert await names(text="%") == []


MALFORMED = [
    ({"name": ""}, ["/name"]),
    ({"name": "a" * 201}, ["/name"]),
    ({"description": "a" * 2_001}, ["/description"]),
    ({"tiles": [{"insight_id": "no id"}]}, ["/tiles/0/insight_id"]),
    ({"tiles": [{}]}, ["/tiles/0/insight_id"]),
    ({"tiles": [{"insight_id": str(uuid4()), "width": 0}]}, ["/tiles/0/width"]),
    ({"tiles": [{"insight_id": str(uuid4()), "width": 13}]}, ["/tiles/0/width"]),
    ({"tiles": [{"insight_id": str(uuid4()), "height": 1}]}, ["/tiles/0/height"]),
    ({"tiles": [{"insight_id": str(uuid4())}] * 25}, ["/tiles"]),
    ({"tiles": [{"insight_id": str(uuid4())}]}, ["/tiles/0/insight_id"]),
]


async def test_what_is_malformed_is_named(world, subtests):
    for fields, wanted in MALFORMED:
        with subtests.test(fields=fields):
            refused = await world.send("POST", PATH, json={"name": "Product"} | fields)
            assert (refused.status_code, pointers(refused)) == (422, wanted)


async def test_tiles_of_insights_that_are_not_there_are_refused_each_by_its_place(world):
    one, nobody = await insight(world), str(uuid4())
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")
    tiles = [{"insight_id": each} for each in (nobody, one, nobody)]

    refused = await world.send("POST", PATH, json={"name": "Product", "tiles": tiles})
    assert (refused.status_code, pointers(refused)) == (422, ["/tiles/0/insight_id", "/tiles/2/insight_id"])

    foreign = await world.send("POST", PATH, json={"name": "Theirs", "tiles": [tiles[1]]}, headers=theirs)
    assert (foreign.status_code, pointers(foreign)) == (422, ["/tiles/0/insight_id"])


async def test_all_tiles_are_answered_in_their_order_each_with_its_own(world, asked):
    kinds = ("trends", "funnel", "retention", "lifecycle", "paths")
    made = await dashboard(world, *[await insight(world, kind) for kind in kinds])

    shown = await world.get(f"{PATH}/{made['id']}/data")

    assert [tile["kind"] for tile in shown["tiles"]] == list(kinds)
    assert [tile["name"] for tile in shown["tiles"]] == [f"One of {kind}" for kind in kinds]
    assert [tile["error"] for tile in shown["tiles"]] == [None] * 5
    assert "series" in shown["tiles"][0]["answer"]
    assert "steps" in shown["tiles"][1]["answer"]
    assert 1 < asked.most <= rules.TILES_AT_ONCE


async def test_a_tile_that_fails_says_so_and_the_others_are_answered(world):
    fine = await insight(world)
    heavy, down, invalid = [await insight(world, fails=fails) for fails in ("heavy", "down", "invalid")]
    made = await dashboard(world, heavy, fine, down, invalid)

    tiles = (await world.get(f"{PATH}/{made['id']}/data"))["tiles"]

    assert [tile["error"] and tile["error"]["code"] for tile in tiles] == [
        "query_too_heavy",
        None,
        "unavailable",
        "invalid",
    ]
    assert "shorter time" in tiles[0]["error"]["detail"]
    assert tiles[3]["error"]["detail"] == "/to has to be after from"
    assert [tile["answer"] is None for tile in tiles] == [True, False, True, True]
    assert [tile["answered_at"] is None for tile in tiles] == [True, False, True, True]


async def test_a_tile_that_takes_too_long_keeps_nobody_from_an_answer(world, monkeypatch):
    monkeypatch.setattr(rules, "DASHBOARD_SECONDS", 1.0)
    slow = await insight(world, fails="hangs")
    made = await dashboard(world, slow, *[await insight(world, event=f"e{number}") for number in range(5)])

    async with asyncio.timeout(10):
        tiles = (await world.get(f"{PATH}/{made['id']}/data"))["tiles"]

    assert [tile["error"] and tile["error"]["code"] for tile in tiles] == ["too_slow"] + [None] * 5


async def test_those_that_never_got_a_turn_say_so_too(world, monkeypatch):
    monkeypatch.setattr(rules, "DASHBOARD_SECONDS", 0.5)
    slow = [await insight(world, fails="hangs") for _ in range(rules.TILES_AT_ONCE)]
    made = await dashboard(world, *slow, await insight(world))

    tiles = (await world.get(f"{PATH}/{made['id']}/data"))["tiles"]

    assert [tile["error"]["code"] for tile in tiles] == ["too_slow"] * (rules.TILES_AT_ONCE + 1)
    # and what they held is free again
    made = await dashboard(world, await insight(world))
    assert (await world.get(f"{PATH}/{made['id']}/data"))["tiles"][0]["error"] is None


async def test_one_insight_on_many_tiles_and_dashboards_is_asked_little(world, asked):
    one = await insight(world)
    first, second = await dashboard(world, one), await dashboard(world, *[one] * 24)

    await world.get(f"{PATH}/{first['id']}/data")
    tiles = (await world.get(f"{PATH}/{second['id']}/data"))["tiles"]

    assert len(tiles) == 24
    assert len(asked.questions) == 1


async def test_an_insight_that_is_gone_leaves_a_tile_that_says_so(world):
    one, two = await insight(world), await insight(world, "funnel")
    made = await dashboard(world, one, two)
    await world.send("DELETE", f"/v1/insights/{one}")

    tiles = (await world.get(f"{PATH}/{made['id']}/data"))["tiles"]
    assert tiles[0]["error"] == {"code": "not_found", "detail": "There is no insight with this id."}
    assert (tiles[0]["name"], tiles[0]["answer"]) == (None, None)
    assert tiles[1]["error"] is None

    # the others may be moved around it, but no tile of it comes new
    moved = [{"insight_id": each, "width": 6} for each in (two, one)]
    assert (await world.send("PATCH", f"{PATH}/{made['id']}", json={"tiles": moved})).status_code == 200
    other = await dashboard(world, two)
    refused = await world.send("PATCH", f"{PATH}/{other['id']}", json={"tiles": moved})
    assert (refused.status_code, pointers(refused)) == (422, ["/tiles/0/insight_id"])


async def test_an_empty_dashboard_has_no_tiles(world):
    made = await dashboard(world)

    shown = await world.get(f"{PATH}/{made['id']}/data")

    assert shown == {"id": made["id"], "name": "Product", "tiles": []}


async def test_nobody_else_sees_it(world):
    made = await dashboard(world, await insight(world))
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")

    for rest in ("", "/data"):
        answer = await world.send("GET", f"{PATH}/{made['id']}{rest}", headers=theirs)
        assert (answer.status_code, answer.json()["detail"]) == (404, "There is no dashboard with this id.")
    assert (await world.send("DELETE", f"{PATH}/{made['id']}", headers=theirs)).status_code == 404
    assert (await world.send("GET", PATH, headers=theirs)).json()["items"] == []


async def test_rights_are_for_reading_and_writing(world):
    made = await dashboard(world, await insight(world))
    reader, writer = await world.api.key("metrics:read"), await world.api.key("metrics:write")

    assert (await world.send("GET", f"{PATH}/{made['id']}/data", headers=reader)).status_code == 200
    assert (await world.send("GET", f"{PATH}/{made['id']}/data", headers=writer)).status_code == 403
    assert (await world.send("POST", PATH, json={"name": "x"}, headers=reader)).status_code == 403
    assert (await world.send("PATCH", f"{PATH}/{made['id']}", json={"name": "x"}, headers=reader)).status_code == 403


async def test_a_list_is_read_page_by_page(world):
    for number in range(5):
        await dashboard(world, name=f"Board {number}")

    seen, query = [], {"limit": 2}
    while True:
        page = await world.get(PATH, **query)
        seen += [each["name"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == [f"Board {number}" for number in (4, 3, 2, 1, 0)]


async def test_many_who_look_at_once_are_all_answered(world, asked):
    boards = [
        await dashboard(world, *[await insight(world, event=f"{number}.{tile}") for tile in range(4)])
        for number in range(4)
    ]

    shown = await asyncio.gather(*(world.get(f"{PATH}/{board['id']}/data") for board in boards))

    assert [len(each["tiles"]) for each in shown] == [4] * 4
    assert {tile["error"] and tile["error"]["code"] for each in shown for tile in each["tiles"]} == {None}
    assert len(asked.questions) == 16


async def test_who_gives_up_waiting_leaves_nothing_running(world, asked):
    made = await dashboard(world, *[await insight(world, fails="hangs") for _ in range(3)])
    looking = asyncio.create_task(world.send("GET", f"{PATH}/{made['id']}/data"))
    async with asyncio.timeout(10):
        for _ in range(3):
            await asked.begun.acquire()

    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)

    assert asked.running == 0
    assert (await world.get(f"{PATH}/{made['id']}"))["name"] == "Product"


async def test_the_same_change_again_is_no_change(world):
    one = await insight(world)
    made = await dashboard(world, one)
    same = {"name": made["name"], "description": None, "tiles": made["tiles"]}

    before = await world.send("GET", f"{PATH}/{made['id']}")
    changed = await world.send("PATCH", f"{PATH}/{made['id']}", json=same)

    assert (changed.status_code, changed.json(), changed.headers["etag"]) == (200, made, before.headers["etag"])


@pytest.mark.parametrize("fields", [{"name": None}, {"tiles": None}, {"tiles": "all"}, {"id": str(uuid4())}])
async def test_a_change_that_is_malformed_changes_nothing(world, fields):
    made = await dashboard(world, await insight(world))

    refused = await world.send("PATCH", f"{PATH}/{made['id']}", json=fields)

    assert (refused.status_code, pointers(refused)) == (422, [f"/{next(iter(fields))}"])
    assert await world.get(f"{PATH}/{made['id']}") == made


async def test_the_audit_log_says_which_tiles_and_not_what_it_is_called(world):
    made = await dashboard(world, await insight(world), name="Secret plans")
    await world.send("PATCH", f"{PATH}/{made['id']}", json={"name": "More secret plans", "tiles": []})
    await world.send("DELETE", f"{PATH}/{made['id']}")

    admin = await world.api.key("metrics:admin")
    entries = (await world.send("GET", "/v1/audit", headers=admin)).json()["items"]
    own = [entry for entry in entries if entry["action"].startswith("dashboard.")]

    assert [entry["action"] for entry in own] == [f"dashboard.{verb}" for verb in ("deleted", "updated", "created")]
    assert own[1]["before"]["tiles"] == made["tiles"]
    assert "ecret" not in str(own)


async def test_a_dashboard_holds_four_and_twenty_tiles(world):
    one = await insight(world)
    made = await dashboard(world, *[one] * rules.MOST_TILES)

    assert len(made["tiles"]) == 24
    refused = await world.send("PATCH", f"{PATH}/{made['id']}", json={"tiles": [*made["tiles"], made["tiles"][0]]})
    assert (refused.status_code, pointers(refused)) == (422, ["/tiles"])


async def test_a_tile_of_no_width_is_half_as_wide_as_the_page(world):
    one = await insight(world)

    made = await world.post(PATH, {"name": "Product", "tiles": [{"insight_id": one}]})

    assert made["tiles"] == [{"insight_id": one, "width": 6}]


async def test_answers_are_shared_with_whoever_asks_for_one_insight(world, asked):
    one = await insight(world)
    made = await dashboard(world, one)

    tiles = (await world.get(f"{PATH}/{made['id']}/data"))["tiles"]
    alone = await world.post(f"/v1/insights/{one}/run", None, expect=200)

    assert (tiles[0]["answer"], tiles[0]["answered_at"]) == (alone["answer"], alone["answered_at"])
    assert len(asked.questions) == 1
