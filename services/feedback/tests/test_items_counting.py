"""Facets: how many posts have which labels, beside the page, as the filters leave them, and never of more than is looked at."""

import pytest

from opsloop_common.db import Context
from opsloop_feedback.filters.rules import Facet, Filters
from opsloop_feedback.items import counting
from opsloop_feedback.items import service as items

ACME = Context(workspace="acme")


def told(facet):
    return {each["value"]: each["count"] for each in facet["counts"]}


@pytest.fixture
async def five(desk):
    await desk.post(body="The app crashes", tags=["ios", "vip"], area="start", author={"user_id": "u1"})
    await desk.post(body="The app crashes again", tags=["ios"], author={"user_id": "u1"})
    await desk.post(body="Great app, I love it", channel="email", author={"email": "Who@Example.com"})
    idea = await desk.post(body="Could you add dark mode?", channel="social", area="look")
    await desk.patch(idea["id"], status="open", assignee="zoe", team="billing")
    await desk.post(body="报表导出失败了", tags=["vip"])


async def test_each_field_is_counted_beside_the_page(desk, five):
    answer = await desk.get("/v1/feedback", limit=1, facets=",".join(Facet))
    facets = answer["facets"]

    assert len(answer["items"]) == 1
    assert facets.keys() == set(Facet)
    assert all(each["is_exact"] for each in facets.values())
    assert told(facets["status"]) == {"new": 4, "open": 1}
    assert told(facets["channel"]) == {"api": 3, "email": 1, "social": 1}
    assert told(facets["tag"]) == {"ios": 2, "vip": 2}
    assert told(facets["author"]) == {"u1": 2, "who@example.com": 1, None: 2}
    assert told(facets["area"]) == {"start": 1, "look": 1, None: 3}
    assert told(facets["assignee"]) == {"zoe": 1, None: 4}
    assert told(facets["team"]) == {"billing": 1, None: 4}
    assert sum(told(facets["kind"]).values()) == sum(told(facets["severity"]).values()) == 5
    assert [each["count"] for each in facets["channel"]["counts"]] == [3, 1, 1]


@pytest.mark.parametrize(
    ("narrowed", "count"),
    [
        ({"status": "new"}, 4),
        ({"tag": "ios"}, 2),
        ({"assignee": "zoe"}, 1),
        ({"author": "u1"}, 2),
        ({"text": "crashes"}, 2),
        ({"author": "who@example.com", "status": "open"}, 0),
        ({"created_to": "2000-01-01T00:00:00Z"}, 0),
        ({"due_before": "2030-01-01T00:00:00Z"}, 0),
    ],
)
async def test_what_is_counted_is_what_the_filters_leave(desk, five, narrowed, count):
    answer = await desk.get("/v1/feedback", facets=["status", "status", "team"], **narrowed)

    assert len(answer["items"]) == count
    assert sum(told(answer["facets"]["status"]).values()) == count
    assert list(answer["facets"]) == ["status", "team"]


async def test_facets_are_of_the_whole_list_on_each_page(desk, five):
    first = await desk.get("/v1/feedback", limit=2, facets="kind", sort="due")
    second = await desk.get("/v1/feedback", limit=2, facets="kind", sort="due", cursor=first["next_cursor"])

    assert first["facets"] == second["facets"]


async def test_neighbours_are_not_counted(desk, five):
    theirs = await desk.api.key("feedback:read", workspace="other")

    answer = await desk.client.get("/v1/feedback", params={"facets": "status"}, headers=theirs)

    assert answer.json() == {
        "items": [],
        "next_cursor": None,
        "facets": {"status": {"counts": [], "is_exact": True}},
    }


@pytest.mark.parametrize("facets", ["", "body", "status,", "status,body", "status;kind", "number"])
async def test_what_cannot_be_counted_is_refused(desk, facets):
    answer = await desk.get("/v1/feedback", expect=422, facets=facets)

    assert answer["errors"][0]["pointer"].startswith("/query/facets")


async def test_more_than_is_looked_at_is_said_to_be_inexact(desk, five):
    async with desk.api.db.transaction(ACME) as session:
        some = await counting.count_by(session, Filters(), [Facet.STATUS], look_at=4)
        all_of_them = await counting.count_by(session, Filters(), [Facet.STATUS], look_at=5)
        of_one = await counting.count_by(session, Filters(author=("u1",)), [Facet.STATUS], look_at=2)

        assert not some[Facet.STATUS].is_exact
        assert all_of_them[Facet.STATUS].is_exact
        assert of_one[Facet.STATUS] == counting.Counts([("new", 2)], is_exact=True)


async def test_values_beyond_a_hundred_are_left_out_and_said_so(desk):
    for start in range(0, 120, 40):
        await desk.post(tags=[f"tag {n}" for n in range(start, start + 40)])
    await desk.post(tags=["tag 119"])

    tags = (await desk.get("/v1/feedback", facets="tag"))["facets"]["tag"]

    assert len(tags["counts"]) == 100
    assert tags["counts"][0] == {"value": "tag 119", "count": 2}
    assert not tags["is_exact"]


async def test_several_filters_are_counted_in_one_statement(desk, five, monkeypatch):
    several = [
        Filters(status=("new",)),
        Filters(),
        Filters(tag=("ios",), text="crashes"),
        Filters(assignee=("nobody",)),
    ]

    async with desk.api.db.transaction(ACME) as session:
        assert await items.count_each(session, several) == [(4, True), (5, True), (2, True), (0, True)]
        assert await items.count_each(session, []) == []
        monkeypatch.setattr(counting, "FACET_CHECKS", 8)
        assert {is_exact for _, is_exact in await items.count_each(session, several)} == {False}


def test_texts_are_looked_for_in_fewer():
    assert counting.most_looked_at(Filters(text="x")) < counting.most_looked_at(Filters())
