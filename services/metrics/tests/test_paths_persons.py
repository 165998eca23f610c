"""The people behind paths, worked by hand."""

from __future__ import annotations

import pytest
import pytest_asyncio

from opsloop_common.errors import Invalid
from opsloop_metrics.paths.rules import Paths, nodes_of
from services.metrics.tests.asked import Insights, did
from services.metrics.tests.behind import behind, refused

DAY = {"from": "2026-03-01", "to": "2026-03-01", "time_zone": "UTC"}


@pytest_asyncio.fixture
async def insights(world_with_store):
    """Return a world: u1: / a b, and two hours later / a again; u2: / b; 用户: a, and within the session 帮助."""
    insights = Insights(world_with_store)
    walks = {
        "u1": "/@10:00 /a/@10:01 /a@10:02 /b@10:03 /@12:03 /a@12:04",
        "u2": "/@10:00 /b@10:30",
        "用户": "/a@10:00 /帮助@10:20",
    }
    await insights.happened(
        *(
            did(who, *word.split("@")[:1], f"03-01T{word.split('@')[1]}")
            for who, text in walks.items()
            for word in text.split()
        )
    )
    return insights


WHOSE = [
    # u1 went from / to /a in two sessions
    ({}, "1_/", "2_/a", {"u1"}, 2),
    ({}, "1_/", "2_/b", {"u2"}, 1),
    ({}, "2_/a", "3_/b", {"u1"}, 1),
    ({}, "1_/a", "2_/帮助", {"用户"}, 1),
    ({}, None, "1_/", {"u1", "u2"}, 3),
    ({}, None, "1_/a", {"用户"}, 1),
    ({}, None, "2_/b", {"u2"}, 1),
    ({"direction": "backward"}, "1_/b", "2_/", {"u2"}, 1),
    ({"direction": "backward"}, None, "1_/b", {"u1", "u2"}, 2),
    ({"start": "/a/"}, None, "1_/a", {"u1", "用户"}, 3),
    ({"end": "/b"}, "1_/", "2_/a", {"u1"}, 1),
    ({"field": "event"}, None, "1_$pageview", {"u1", "u2", "用户"}, None),
    ({}, "1_/b", "2_/", set(), None),
    ({}, None, "3_'; DROP TABLE event; --", set(), None),
]


async def test_whose_sessions_have_a_node_or_an_edge(insights, subtests):
    for more, source, target, expected, sessions in WHOSE:
        with subtests.test(more=more):
            number = {"target": target} | ({"source": source} if source else {})
            answer = await insights.ask("paths", **DAY | more)

            assert set(await behind(insights.world, "paths", DAY | more, **number)) == expected

            edges = {(each["source"], each["target"]): each["count"] for each in answer["edges"]}
            nodes = {each["name"]: each["count"] for each in answer["nodes"]}
            # one person may have several sessions; a node is shown only beside an edge
            assert (edges.get((source, target)) if source else nodes.get(target)) == sessions


async def test_a_session_counts_where_it_begins(insights):
    # u1 begins at 10:00 and at 12:03, and only then after eleven
    later = DAY | {"from": "2026-03-01T11:00:00Z"}

    assert await behind(insights.world, "paths", later, target="1_/") == ["u1"]
    assert await behind(insights.world, "paths", later, target="3_/b") == []


async def test_what_is_left_out_by_the_limit_has_people_too(insights):
    assert await behind(insights.world, "paths", DAY | {"limit": 1}, source="1_/", target="2_/b") == ["u2"]


@pytest.mark.parametrize(
    ("query", "number", "expected"),
    [
        (DAY, {"target": "/pricing"}, ["/target"]),
        (DAY, {"target": "0_/"}, ["/target"]),
        (DAY, {"target": "2_/a", "source": "2_/"}, ["/source"]),
        (DAY, {"target": "2_/a", "source": "/a/"}, ["/source"]),
        (DAY, {"target": "6_/a"}, ["/target"]),
        (DAY | {"from": "2026-03-09"}, {"target": "1_/"}, ["/query/to"]),
        (DAY, {}, ["/target"]),
    ],
)
async def test_what_is_no_node_of_the_answer_is_named(insights, query, number, expected):
    assert await refused(insights.world, "paths", query, **number) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (None, "1_/", [(1, "/")]),
        (None, "3_a_b", [(3, "a_b")]),
        ("2_x\ny", "3_帮助", [(3, "帮助"), (2, "x\ny")]),
        ("4__", "5__", [(5, "_"), (4, "_")]),
    ],
)
def test_nodes_are_told_by_place_and_name(source, target, expected):
    assert nodes_of(Paths(steps=5), source, target) == expected


@pytest.mark.parametrize("target", ["1_", "_a", "a_1", "-1_a", "1.0_a", "１_a", "²_a", f"{'9' * 5_000}_a", "21_a"])
def test_what_has_no_place_or_name_is_no_node(target):
    with pytest.raises(Invalid):
        nodes_of(Paths(steps=20), None, target)
