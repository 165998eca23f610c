"""Warnings through the door: a definition whose names differ by case from what came is told so, where it is tried and where it is made."""

from __future__ import annotations

import asyncio

import pytest

from opsloop_metrics.hints import queries, service
from opsloop_metrics.store.port import StoreUnavailable, TooHeavy
from services.metrics.tests.analyst import did
from services.metrics.tests.segmenting import Marketer, event, prop

PREVIEW = "/v1/segments/preview"


@pytest.fixture
def marketer(world_with_store):
    found = Marketer(world_with_store)
    found.at("10T12:00")
    return found


def defined(*conditions):
    return {"match": "all", "conditions": list(conditions)}


async def tried(marketer, *conditions):
    return (await marketer.world.post(PREVIEW, {"definition": defined(*conditions)}, 200))["warnings"]


async def test_a_name_of_another_case_is_told_where_it_is_tried_and_made(marketer):
    await marketer.tell(did("u1", "Paid", "04T10:00", {"Amount": 3}), did("u2", "Seen", "04T10:00"))
    asked = defined(event("paid"), prop("sum", "ge", 1, event="Paid"))

    preview = await marketer.world.post(PREVIEW, {"definition": asked}, 200)
    made = await marketer.world.post("/v1/segments", {"name": "s", "kind": "dynamic", "definition": asked})

    assert preview["size"] == 0
    assert preview["warnings"] == made["warnings"]
    assert [(each["pointer"], each["did_you_mean"]) for each in made["warnings"]] == [
        ("/definition/conditions/0/event", "Paid"),
        ("/definition/conditions/1/property", "properties.Amount"),
    ]
    assert "是否指“Paid”" in made["warnings"][0]["zh"]
    assert "warnings" not in await marketer.world.get(f"/v1/segments/{made['id']}")


async def test_what_came_is_no_matter_and_neither_is_a_list(marketer):
    await marketer.tell(did("u1", "Paid", "04T10:00", {"amount": 3}))

    made = await marketer.world.post("/v1/segments", {"name": "l", "kind": "static"})

    assert made["warnings"] == await tried(marketer, event("Paid"), event(None)) == []
    assert [each["did_you_mean"] for each in await tried(marketer, event("zzz"))] == [None]


async def test_other_workspaces_names_are_not_proposed(marketer):
    await marketer.tell(did("u1", "Paid", "04T10:00"))
    theirs = await marketer.world.api.key(workspace="other")

    answer = await marketer.world.send("POST", PREVIEW, json={"definition": defined(event("paid"))}, headers=theirs)

    [warning] = answer.json()["warnings"]
    assert (warning["did_you_mean"], "Paid" in warning["en"]) == (None, False)


async def test_names_that_are_asked_for_are_known_however_rare(marketer, monkeypatch):
    monkeypatch.setattr(queries, "_NAMES", queries._NAMES.replace("LIMIT 1000", "LIMIT 2"))
    await marketer.tell(
        *(did("u1", name, "04T10:00") for name in ("often", "often", "often", "seldom", "rare", "rare"))
    )

    assert await tried(marketer, event("seldom")) == []


@pytest.mark.parametrize("error", [TooHeavy("This takes too long."), StoreUnavailable("The store is away.")])
async def test_a_store_without_time_keeps_nobody_from_making_a_segment(marketer, monkeypatch, error):
    async def refuse(*_):
        raise error

    monkeypatch.setattr(queries, "events", refuse)

    made = await marketer.world.post(
        "/v1/segments", {"name": "s", "kind": "dynamic", "definition": defined(event("paid"))}
    )

    assert made["warnings"] == []


async def test_a_store_that_does_not_answer_is_not_waited_for(marketer, monkeypatch):
    never = asyncio.Event()

    async def wait(*_):
        await never.wait()

    monkeypatch.setattr(queries, "events", wait)
    monkeypatch.setattr(service, "PATIENCE_SECONDS", 0.01)

    assert await tried(marketer, event("paid")) == []


async def test_channels_and_properties_of_another_case_are_told_with_the_nearest(marketer):
    await marketer.tell(
        did("u1", "Paid", "04T10:00", {"Plan": "pro"}), did("u1", "Paid", "05T10:00", {"套餐": "专业版"})
    )
    asked = [
        {"field": "properties.plan", "op": "eq", "value": "pro"},
        {"field": "properties.套餐", "op": "eq", "value": "专业版"},
        {"field": "channel", "op": "in", "value": ["Direct", "nowhere at all"]},
    ]

    found = await tried(marketer, event("Paid", where=asked))

    base = "/definition/conditions/0/where"
    assert [(each["pointer"], each["name"]) for each in found] == [
        (f"{base}/0/field", "properties.plan"),
        (f"{base}/2/value", "Direct"),
        (f"{base}/2/value", "nowhere at all"),
    ]
    assert found[0]["did_you_mean"] == "properties.Plan"
