"""Paths through the door: what follows what within sessions, with numbers worked by hand."""

from __future__ import annotations

import csv
from io import StringIO

import pytest
import pytest_asyncio

from services.metrics.tests.asked import Insights, did, identified, many
from tests.insights.by_hand import WORLDS
from tests.insights.compare import differences
from tests.insights.segment import messages_of

DAY = {"from": "2026-03-01", "to": "2026-03-01"}
BY_HAND = [worked for worked in WORLDS if worked.insight == "paths"]
ODD = "=1+1 {x:String} '; DROP TABLE event; --"


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


def walked(who, text, **more):
    """Return page views or events of a text such as `/@10:00 /pricing@10:05`."""
    words = (word.split("@") for word in text.split())
    return [did(who, what, f"03-01T{when}", **more) for what, when in words]


def edges(answer):
    """See edges as texts: `1_/ 2_/pricing 3`."""
    return [f"{edge['source']} {edge['target']} {edge['count']}" for edge in answer["edges"]]


def nodes(answer):
    return [f"{node['name']} {node['count']}" for node in answer["nodes"]]


@pytest.mark.parametrize("worked", BY_HAND, ids=lambda worked: worked.name)
async def test_worlds_worked_by_hand(insights, worked):
    await insights.happened(*messages_of(worked.events))

    for asked in worked.asked:
        found = await insights.world.post("/v1/insights/paths", asked.query, 200)
        assert list(differences(asked.see(found), asked.expected)) == [], asked.query


async def test_nobody_went_anywhere(insights):
    # one page is no edge, and a node is shown only beside one
    await insights.happened(*walked("u1", "/@10:00 signup@10:01"))

    assert await insights.ask("paths", **DAY) == {"sessions": 1, "single": 1, "nodes": [], "edges": []}


FROM_AND_TO = [
    # u1: / a b a c; u2: / b; u3: a, and half an hour and a second later b
    ({}, ["1_/ 2_/a 1", "1_/ 2_/b 1", "2_/a 3_/b 1", "3_/b 4_/a 1", "4_/a 5_/c 1"]),
    ({"steps": 2}, ["1_/ 2_/a 1", "1_/ 2_/b 1"]),
    ({"steps": 2, "limit": 1}, ["1_/ 2_/a 1"]),
    ({"start": "/a"}, ["1_/a 2_/b 1", "2_/b 3_/a 1", "3_/a 4_/c 1"]),
    ({"start": "/a/"}, ["1_/a 2_/b 1", "2_/b 3_/a 1", "3_/a 4_/c 1"]),
    ({"end": "/b"}, ["1_/ 2_/a 1", "1_/ 2_/b 1", "2_/a 3_/b 1"]),
    ({"start": "/b", "end": "/c"}, ["1_/b 2_/a 1", "2_/a 3_/c 1"]),
    ({"start": "/c", "end": "/b"}, []),
    ({"start": "/nowhere"}, []),
    ({"direction": "backward", "steps": 3}, ["1_/b 2_/ 1", "1_/c 2_/a 1", "2_/a 3_/b 1"]),
    ({"direction": "backward", "end": "/a", "steps": 3}, ["1_/a 2_/b 1", "2_/b 3_/a 1"]),
    ({"direction": "backward", "start": "/b", "end": "/c"}, ["1_/c 2_/a 1", "2_/a 3_/b 1"]),
]


async def test_from_and_to_a_point(insights, subtests):
    await insights.happened(
        *walked("u1", "/@10:00 /a/@10:01 /a@10:02 /b@10:03 /a@10:04 /c@10:05"),
        *walked("u2", "/@10:00 /b@10:30"),
        *walked("u3", "/a@10:00 /b@10:30:01"),
    )
    for asked, expected in FROM_AND_TO:
        with subtests.test(asked=asked):
            assert edges(await insights.ask("paths", **DAY, **asked)) == expected


async def test_ties_go_by_name_and_more_goes_first(insights):
    await insights.happened(
        *walked("u1", "/b@10:00 /x@10:01"),
        *walked("u2", "/a@10:00 /y@10:01"),
        *walked("u3", "/a@10:00 /x@10:01"),
        *walked("u4", "/帮助@10:00 /x@10:01"),
        *walked("u5", "/帮助@10:00 /x@10:01"),
    )

    found = await insights.ask("paths", **DAY)

    assert edges(found) == ["1_/帮助 2_/x 2", "1_/a 2_/x 1", "1_/a 2_/y 1", "1_/b 2_/x 1"]
    assert nodes(found) == ["2_/x 4", "1_/a 2", "1_/帮助 2", "1_/b 1", "2_/y 1"]


async def test_the_tenth_step_comes_by_its_name(insights):
    await insights.happened(*walked("u1", " ".join(f"/{n}@10:{n:02}" for n in range(12))))

    found = edges(await insights.ask("paths", **DAY, steps=20))

    assert found[:3] == ["10_/9 11_/10 1", "11_/10 12_/11 1", "1_/0 2_/1 1"]
    assert len(found) == 11


async def test_events_are_nodes_by_their_names(insights):
    await insights.happened(
        *walked("u1", "/@10:00 注册@10:01 注册@10:02 支付@10:03"), *walked("u2", "注册@10:00 支付@10:20")
    )

    every = await insights.ask("paths", **DAY, field="event")
    narrowed = await insights.ask("paths", **DAY, field="event", events=[{"event": "注册"}, {"event": "支付"}])

    assert edges(every) == ["1_$pageview 2_注册 1", "1_注册 2_支付 1", "2_注册 3_支付 1"]
    assert edges(narrowed) == ["1_注册 2_支付 2"]


async def test_what_is_no_node_still_keeps_a_session_going(insights):
    await insights.happened(*walked("u1", "/@10:00 click@10:25 /a@10:50"), *walked("u2", "/@10:00 /a@10:50"))

    assert edges(await insights.ask("paths", **DAY)) == ["1_/ 2_/a 1"]


async def test_a_session_counts_where_it_begins_and_is_seen_whole(insights):
    await insights.happened(
        *(did("u1", "/", "02-28T23:50"), did("u1", "/a", "03-01T00:10"), did("u1", "/b", "03-01T00:20")),
        *(did("u2", "/", "03-01T23:50"), did("u2", "/c", "03-02T00:10")),
    )

    assert edges(await insights.ask("paths", **DAY)) == ["1_/ 2_/c 1"]


async def test_ids_that_turn_out_to_be_one_person_walk_together(insights):
    await insights.happened(*walked("~a1", "/@10:00"), *walked("u1", "/signup@10:10"))
    assert edges(await insights.ask("paths", **DAY)) == []

    await insights.happened(identified("u1", "03-09T10:00", was="~a1"))

    assert edges(await insights.ask("paths", **DAY)) == ["1_/ 2_/signup 1"]


async def test_bots_are_left_out_and_conditions_hold_first(insights):
    bot = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
    await insights.happened(*walked("u1", "/@10:00 /a@10:10 /b@10:20"), *walked("b1", "/@10:00 /bot@10:01", **bot))

    assert edges(await insights.ask("paths", **DAY)) == ["1_/ 2_/a 1", "2_/a 3_/b 1"]
    assert len(edges(await insights.ask("paths", **DAY, include_filtered=True))) == 3
    where = [{"field": "path", "op": "ne", "value": "/a"}]
    assert edges(await insights.ask("paths", **DAY, where=where)) == ["1_/ 2_/b 1"]


async def test_another_workspace_sees_nothing(insights):
    await insights.happened(*walked("u1", "/@10:00 /a@10:10"))
    insights.world.headers = await insights.world.api.key("metrics:read", workspace="other")

    assert await insights.ask("paths", **DAY) == {"sessions": 0, "single": 0, "nodes": [], "edges": []}


async def test_names_are_no_sql_and_no_formulas(insights):
    await insights.happened(did("u1", ODD, "03-01T10:00"), did("u1", "B", "03-01T10:01"))

    found = await insights.ask("paths", **DAY, field="event", start=ODD)
    table = await insights.csv("paths", **DAY, field="event", end="B")

    assert edges(found) == [f"1_{ODD} 2_B 1"]
    assert list(csv.reader(StringIO(table.text))) == [["source", "target", "count"], [f"1_{ODD}", "2_B", "1"]]


SENSELESS = [
    ({"field": "url"}, "/field"),
    ({"direction": "sideways"}, "/direction"),
    ({"steps": 1}, "/steps"),
    ({"steps": 21}, "/steps"),
    ({"limit": 0}, "/limit"),
    ({"limit": 1001}, "/limit"),
    ({"start": ""}, "/start"),
    ({"end": "x" * 2001}, "/end"),
    ({"events": [{"event": None}] * 21}, "/events"),
    ({"from": "2026-03-02"}, "/to"),
]


async def test_what_cannot_be_meant(insights, subtests):
    for wrong, pointer in SENSELESS:
        with subtests.test(wrong=wrong):
            assert (await insights.refused("paths", **DAY | wrong))[0][0] == pointer


async def test_pages_of_one_time_go_by_their_messages(insights):
    await insights.happened(
        did("u1", "/b", "03-01T10:00", messageId="m1"),
        did("u1", "/c", "03-01T10:00", messageId="m3"),
        did("u1", "/a", "03-01T10:00", messageId="m2"),
    )

    assert edges(await insights.ask("paths", **DAY)) == ["1_/b 2_/a 1", "2_/a 3_/c 1"]


async def test_the_range_is_taken_as_it_is(insights):
    await insights.happened(*walked("u1", "/@10:00 /a@10:05"), *walked("u2", "/@11:00 /b@11:05"))

    found = await insights.ask("paths", **{"from": "2026-03-01T10:00:00.001Z", "to": "2026-03-01T11:00:00.001Z"})

    assert edges(found) == ["1_/ 2_/b 1"]


async def test_a_session_that_sees_the_same_edge_again_counts_it_at_each_place(insights):
    await insights.happened(*walked("u1", "/@10:00 /a@10:05 /@10:06 /a@10:07"))

    found = await insights.ask("paths", **DAY)

    assert edges(found) == ["1_/ 2_/a 1", "2_/a 3_/ 1", "3_/ 4_/a 1"]
    assert nodes(found) == ["1_/ 1", "2_/a 1", "3_/ 1", "4_/a 1"]


async def test_nodes_can_be_narrowed_by_what_events_say(insights):
    await insights.happened(
        *walked("u1", "view@10:00", properties={"source": "微信"}),
        *walked("u1", "view@10:01 pay@10:02", properties={"source": "ad"}),
    )
    events = [
        {"event": "pay"},
        {"event": "view", "where": [{"field": "properties.source", "op": "eq", "value": "微信"}]},
    ]

    found = await insights.ask("paths", **DAY, field="event", events=events)

    assert edges(found) == ["1_view 2_pay 1"]


async def test_sessions_of_a_single_node_are_counted_beside_the_edges(insights):
    """u1: / then /a. u2: / alone (twice in one go, which is one node). u3: /b alone. u4 sees no page: no session that has a node."""
    await insights.happened(
        did("u1", "/", "03-01T10:00"),
        did("u1", "/a", "03-01T10:01"),
        *many("u2", "/", ["03-01T10:00", "03-01T10:05"]),
        did("u3", "/b", "03-01T10:00"),
        did("u4", "opened", "03-01T10:00"),
    )

    found = await insights.ask("paths", **DAY)
    alone = await insights.ask("paths", **DAY, start="/b")
    most = await insights.ask("paths", **DAY, limit=1)

    assert (found["sessions"], found["single"]) == (3, 2)
    assert [(node["name"], node["count"]) for node in found["nodes"]] == [("1_/", 2), ("2_/a", 1)]
    assert alone == {"sessions": 1, "single": 1, "nodes": [], "edges": []}
    assert most == found
