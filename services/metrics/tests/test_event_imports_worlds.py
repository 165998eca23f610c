"""What files bring counts like what comes by itself: in funnels with what was captured, of the same people, and until it is taken back."""

from __future__ import annotations

import json

import pytest

from services.metrics.tests.event_imports import JSONL, PATH, Imports, counts

RANGE = {"from": "2020-05-01", "to": "2020-05-31", "time_zone": "UTC"}
FUNNEL = RANGE | {"steps": [{"event": "来访"}, {"event": "付款"}], "window": "P30D"}


def line(event, user, day, **more):
    return json.dumps(
        {"event": event, "user_id": user, "time": f"2020-05-{day:02}T08:00:00Z"} | more, ensure_ascii=False
    )


@pytest.fixture
def imports(world_with_store, store):
    return Imports(world_with_store, store)


async def reached(imports):
    found = await imports.world.post("/v1/insights/funnel", FUNNEL, expect=200)
    return [step["count"] for step in found["steps"]]


async def capture(imports, *messages):
    key = imports.world.headers["Authorization"].removeprefix("Bearer ")
    answer = await imports.world.send("POST", "/v1/batch", json={"batch": list(messages), "writeKey": key})
    assert answer.json() == {"success": True}


async def test_a_file_and_a_client_tell_one_story(imports):
    """The visit is in the file, the payment comes from the app; who paid was anonymous in the file."""
    await imports.run(line("来访", "小明", 1) + "\n" + line("来访", "b", 2) + "\n", kind=JSONL)
    paid = {"type": "track", "event": "付款", "messageId": "p1", "userId": "小明", "timestamp": "2020-05-03T08:00:00Z"}
    await capture(imports, paid)

    assert await reached(imports) == [2, 1]


async def test_what_is_taken_back_is_in_no_answer_any_more(imports):
    first = await imports.run(line("来访", "a", 1) + "\n", kind=JSONL)
    second = await imports.run("\n".join([line("来访", "b", 1), line("付款", "b", 2)]) + "\n", kind=JSONL)
    assert await reached(imports) == [2, 1]

    await imports.send("POST", f"{PATH}/{second['id']}/undo", expect=202)
    await imports.tick()

    assert await reached(imports) == [1, 0]
    assert counts(await imports.shown(first["id"])) == {"rows": 1, "stored": 1, "known": 0, "refused": 0}


@pytest.mark.parametrize("copies", [1, 3])
async def test_rows_with_an_id_count_once_however_they_come(imports, copies):
    """The same message from a client, and in files again and again."""
    sent = {"type": "track", "event": "付款", "messageId": "m-1", "userId": "a", "timestamp": "2020-05-03T08:00:00Z"}
    await capture(imports, sent)
    for number in range(copies):
        body = "\n".join([line("付款", "a", 3, message_id="m-1"), line("来访", "a", 1, message_id=f"v-{number % 2}")])
        made = await imports.run(body + "\n" * (number + 1), kind=JSONL)
        assert made["refused"] == 0

    assert await imports.count() == 1 + min(copies, 2)
    assert await reached(imports) == [1, 1]


async def test_another_workspace_sees_nothing_of_it(imports):
    made = await imports.run(line("来访", "a", 1) + "\n", kind=JSONL)
    theirs = await imports.world.api.key("metrics:read", "metrics:write", workspace="other")

    for method, path in (("GET", ""), ("GET", "/errors"), ("POST", "/undo"), ("POST", "/cancel")):
        answer = await imports.world.send(method, f"{PATH}/{made['id']}{path}", headers=theirs)
        assert answer.status_code == 404, (method, path)
    found = await imports.world.send("POST", "/v1/insights/funnel", json=FUNNEL, headers=theirs)
    assert [step["count"] for step in found.json()["steps"]] == [0, 0]
