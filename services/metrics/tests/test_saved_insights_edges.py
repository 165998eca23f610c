"""Saved insights at their edges: changes that are none, names that are markup, two workspaces, two languages."""

from uuid import uuid4

import pytest

from services.metrics.tests.test_saved_insights_api import PATH, TREND, asked, kept, pointers, world

__all__ = ["asked", "world"]


@pytest.mark.parametrize(
    "fields", [{"name": None}, {"query": None}, {"kind": "funnel"}, {"id": str(uuid4())}, {"name": ""}]
)
async def test_a_change_that_is_malformed_changes_nothing(world, fields):
    insight = await kept(world)

    refused = await world.send("PATCH", f"{PATH}/{insight['id']}", json=fields)

    assert (refused.status_code, pointers(refused)) == (422, [f"/{next(iter(fields))}"])
    assert await world.get(f"{PATH}/{insight['id']}") == insight


async def test_the_same_change_again_is_no_change(world, asked):
    insight = await kept(world)
    before = await world.send("GET", f"{PATH}/{insight['id']}")
    await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)

    changed = await world.send("PATCH", f"{PATH}/{insight['id']}", json={"query": TREND["query"]})

    assert (changed.status_code, changed.headers["etag"]) == (200, before.headers["etag"])
    await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)
    assert len(asked.questions) == 1


async def test_a_name_of_markup_is_words_on_the_picture(world):
    insight = await kept(world, name="</title><script>alert(1)</script>", description="<b>")

    svg = await world.send("GET", f"{PATH}/{insight['id']}.svg")

    assert "<script" not in svg.text
    assert "&lt;/title&gt;&lt;script&gt;" in svg.text


async def test_answers_of_two_workspaces_never_meet(world, asked):
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")
    own = await kept(world)
    made = await world.send("POST", PATH, json=TREND | {"query": {"event": "theirs"}}, headers=theirs)

    await world.post(f"{PATH}/{own['id']}/run", None, expect=200)
    await world.send("POST", f"{PATH}/{made.json()['id']}/run", headers=theirs)

    assert [query.event for _, query in asked.questions] == ["signed_up", "theirs"]


async def test_a_picture_of_another_language_has_a_tag_of_its_own(world):
    insight = await kept(world)

    tags = [
        (await world.send("GET", f"{PATH}/{insight['id']}.svg", params={"locale": locale})).headers["etag"]
        for locale in ("en", "zh", "en-GB")
    ]

    assert (tags[0] == tags[2], tags[0] == tags[1]) == (True, False)


async def test_a_kept_question_is_asked_as_it_is_kept_whatever_is_sent_with_it(world):
    insight = await kept(world)
    alone = await world.post(f"{PATH}/{insight['id']}/run", None, expect=200)

    for body in ({"json": {"from": "2026-11-01"}}, {"json": []}, {"content": b"no json"}):
        assert (await world.send("POST", f"{PATH}/{insight['id']}/run", **body)).json() == alone


@pytest.mark.parametrize(("kind", "near"), [("funels", "funnel"), ("trend", "trends"), ("next_best", "next-best")])
async def test_an_insight_that_there_is_not_is_told_the_nearest(world, kind, near):
    answer = await world.send("POST", f"{PATH}/{kind}", json={})

    assert answer.status_code == 404
    assert answer.json()["detail"] == f"{kind} is no insight; did you mean {near}?"


async def test_an_insight_is_asked_for_by_whoever_may_read(world):
    """Of what there is not is told no more than of what there is: without a key 401, without the scope 403."""
    writes = await world.api.key("metrics:capture")

    for headers, status in (({}, 401), (writes, 403)):
        answer = await world.send("POST", f"{PATH}/funels", json={}, headers=headers)
        assert answer.status_code == status
