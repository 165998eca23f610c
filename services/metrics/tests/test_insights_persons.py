"""What all lists of people behind a number have alike: whom they leave out, their pages, and the ids that they tell."""

from __future__ import annotations

import pytest
import pytest_asyncio

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.persons import Portion, require_number, require_value
from services.metrics.tests.asked import Insights, did, identified
from services.metrics.tests.behind import behind

DAY = {"from": "2026-03-02", "to": "2026-03-02", "time_zone": "UTC"}
START = "2026-03-02T00:00:00Z"
PAGE = {"event": "$pageview"}
ROBOT = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}
ASKED = {
    "trends": ({"series": [PAGE | {"aggregate": "users"}]}, {"series": 0}),
    "retention": ({"start": PAGE, "return": PAGE}, {"cohort": START, "column": 0}),
    "lifecycle": (PAGE, {"interval": 0, "status": "new"}),
    "stickiness": (PAGE, {"intervals": 1}),
    "paths": ({}, {"target": "1_/"}),
    "funnel": ({"steps": [PAGE, {"event": "buy"}]}, {"step": 0}),
}
"""One number of each insight: who saw the page on 2 March, and was not seen before."""


@pytest.fixture(params=sorted(ASKED))
def insight(request):
    return request.param


@pytest_asyncio.fixture
async def insights(world_with_store):
    return Insights(world_with_store)


async def people(insights, insight, *, limit=200, **more):
    query, number = ASKED[insight]
    return await behind(insights.world, insight, DAY | query | more, limit=limit, **number)


async def test_page_by_page_in_the_order_of_ids(insights, insight):
    everyone = [f"u{number}" for number in range(5)]
    await insights.happened(*(did(who, "/", "03-02T10:00") for who in everyone))

    whole = await people(insights, insight)

    assert sorted(whole) == everyone
    for limit in (1, 2, 5):
        assert await people(insights, insight, limit=limit) == whole


async def test_bots_tests_personless_and_other_workspaces_are_left_out(insights, insight):
    await insights.happened(
        did("u1", "/", "03-02T10:00"),
        did("robot", "/", "03-02T10:00", **ROBOT),
        did("tester", "/", "03-02T10:00", properties={"is_test": True}),
    )
    nobody = {"$process_person_profile": False, "$current_url": "https://shop.example/"}
    told = PAGE | {"distinct_id": "nobody", "properties": nobody, "timestamp": "2026-03-02T10:00:00Z"}
    assert (await insights.world.send("POST", "/i/v0/e/", json=told)).status_code == 200
    theirs = await insights.world.api.key("metrics:capture", workspace="other")
    await insights.happened(did("theirs", "/", "03-02T10:00"), headers=theirs)

    assert await people(insights, insight) == ["u1"]
    assert set(await people(insights, insight, include_filtered=True)) == {"u1", "robot", "tester"}


async def test_foreign_workspaces_see_nothing(insights, insight):
    await insights.happened(did("u1", "/", "03-02T10:00"))
    query, number = ASKED[insight]
    headers = await insights.world.api.key("metrics:read", workspace="other")

    answer = await insights.world.send(
        "POST", f"/v1/insights/{insight}/persons", json={"query": DAY | query, **number}, headers=headers
    )

    assert (answer.status_code, answer.json()) == (200, {"items": [], "next_cursor": None})


async def test_merged_people_are_one_by_their_newest_id(insights, insight):
    await insights.happened(did("~a1", "/", "03-02T10:00"), did("用户", "/", "03-02T10:05"))
    assert set(await people(insights, insight)) == {"~a1", "用户"}

    await insights.happened(identified("用户", "03-03T10:00", was="~a1"))

    assert await people(insights, insight) == ["用户"]


async def test_filters_leave_people_out(insights, insight):
    await insights.happened(did("u1", "/", "03-02T10:00", properties={"plan": "专业版"}), did("u2", "/", "03-02T10:00"))
    is_pro = {"field": "properties.plan", "op": "eq", "value": "专业版"}

    assert await people(insights, insight, where=[is_pro]) == ["u1"]


async def test_traits_of_people_leave_people_out(insights, insight):
    await insights.happened(
        did("u1", "/", "03-02T10:00"), did("u2", "/", "03-02T10:00"), identified("u1", "03-02T10:00", plan="专业版")
    )

    where = [{"field": "person.plan", "op": "eq", "value": "专业版"}]

    assert await people(insights, insight, where=where) == ["u1"]


async def test_a_cursor_of_another_list_and_a_limit_beyond_are_refused(insights, insight):
    query, number = ASKED[insight]
    for page in ("cursor=made-up", "limit=0", "limit=201"):
        await insights.world.post(
            f"/v1/insights/{insight}/persons?{page}", {"query": DAY | query, **number}, expect=422
        )


@pytest.mark.parametrize(
    ("limit", "after", "expected"),
    [(2, None, ["a", "b"]), (9, None, ["a", "b", "c"]), (2, "a", ["b", "c"]), (1, "aa", ["b"]), (2, "c", [])],
)
def test_a_portion_of_some(limit, after, expected):
    assert Portion(limit, after).of({"c", "a", "b"}) == expected


def test_numbers_and_values_that_are_not_there():
    require_number("/step", 1, 2, what="a step")
    require_value(None, is_divided=False)
    require_value("$none", is_divided=True)
    for refuse, pointer in (
        (lambda: require_number("/step", 2, 2, what="a step"), "/step"),
        (lambda: require_value("a", is_divided=False), "/breakdown"),
        (lambda: require_value(None, is_divided=True), "/breakdown"),
    ):
        with pytest.raises(Invalid) as refused:
            refuse()
        assert [each.pointer for each in refused.value.errors] == [pointer]
