"""Watchers through their doors: who comes, goes, is counted, and is named when nobody answers."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context


async def put(desk, path, *user_ids, method="PUT", expect=200, headers=None):
    url, body = f"{path}/watchers", {"user_ids": list(user_ids)}
    answer = await desk.client.request(method, url, json=body, headers=desk.agent if headers is None else headers)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def watching(desk, path):
    return [one["user_id"] for one in (await desk.get(f"{path}/watchers"))["items"]]


@pytest.fixture
async def path(desk):
    return f"/v1/feedback/{(await desk.post())['id']}"


async def test_people_come_and_go(desk, path):
    assert await put(desk, path, "ann", "王小明") == {"changed": 2, "watchers": 2}
    desk.api.clock.advance(1)
    assert await put(desk, path, "ben", "ann", "ben") == {"changed": 1, "watchers": 3}
    assert await watching(desk, path) == ["ann", "王小明", "ben"]

    assert await put(desk, path, "ann", "nobody", method="DELETE") == {"changed": 1, "watchers": 2}
    assert await watching(desk, path) == ["王小明", "ben"]


async def test_who_watches_already_goes_on_since_then(desk, path):
    await put(desk, path, "ann")
    before = (await desk.get(f"{path}/watchers"))["items"]
    desk.api.clock.advance(60)

    assert (await put(desk, path, "ann"))["changed"] == 0

    assert (await desk.get(f"{path}/watchers"))["items"] == before


async def test_watching_changes_nothing_of_the_post_and_tells_nobody(desk, path):
    seen = (await desk.client.get(path, headers=desk.agent)).headers["etag"]

    await put(desk, path, "ann")

    assert (await desk.client.get(path, headers=desk.agent)).headers["etag"] == seen
    assert await desk.types() == ["feedback.received"]


async def test_a_post_has_so_many_watchers(desk, path, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_FEEDBACK", 3)
    await put(desk, path, "a", "b")

    refused = await put(desk, path, "c", "d", expect=409)

    assert refused["type"].endswith("too_many")
    assert await watching(desk, path) == ["a", "b"]
    await put(desk, path, "a", "c")
    assert len(await watching(desk, path)) == 3


async def test_of_many_who_come_at_once_no_more_stay_than_may(desk, path, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_FEEDBACK", 3)

    async def come(number):
        body = {"user_ids": [f"u{number}"]}
        return (await desk.client.put(f"{path}/watchers", json=body, headers=desk.agent)).status_code

    assert sorted(await asyncio.gather(*(come(number) for number in range(6)))) == [200] * 3 + [409] * 3
    assert len(await watching(desk, path)) == 3


async def test_watchers_are_paged_in_their_order(desk, path):
    for number in range(5):
        await put(desk, path, f"u{number}")
        desk.api.clock.advance(1)

    first = await desk.get(f"{path}/watchers", limit=3)
    rest = await desk.get(f"{path}/watchers", limit=3, cursor=first["next_cursor"])

    assert [one["user_id"] for page in (first, rest) for one in page["items"]] == [f"u{number}" for number in range(5)]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("user_ids", "pointer"),
    [
        ([], "/user_ids"),
        ([""], "/user_ids/0"),
        ([7], "/user_ids/0"),
        ([f"u{number}" for number in range(51)], "/user_ids"),
    ],
)
async def test_what_names_nobody_is_refused(desk, path, method, user_ids, pointer):
    answer = await put(desk, path, *user_ids, method=method, expect=422)

    assert answer["errors"][0]["pointer"] == pointer


async def test_watchers_are_of_their_workspace_alone(desk, path):
    await put(desk, path, "ann")
    theirs, reader = await desk.api.key(workspace="other"), await desk.api.key("feedback:read")

    for method in ("PUT", "DELETE"):
        await put(desk, path, "eve", method=method, expect=404, headers=theirs)
        await put(desk, path, "eve", method=method, expect=403, headers=reader)
        await put(desk, path, "eve", method=method, expect=401, headers={})
        await put(desk, f"/v1/feedback/{uuid4()}", "eve", method=method, expect=404)
    assert (await desk.client.get(f"{path}/watchers", headers=theirs)).status_code == 404
    assert (await desk.client.get(f"{path}/watchers", headers=reader)).status_code == 200
    assert await watching(desk, path) == ["ann"]


async def test_the_audit_log_says_how_many_and_not_who(desk, path):
    await put(desk, path, "ann", "ben")
    await put(desk, path, "ann", method="DELETE")
    await put(desk, path, "ann", method="DELETE")

    log = (await desk.client.get("/v1/audit", headers=await desk.api.key("feedback:admin"))).json()["items"]

    found = [entry for entry in log if "watched" in entry["action"]]
    assert [(entry["action"], entry["after"]["watchers"]) for entry in found] == [
        ("feedback.unwatched", 1),
        ("feedback.watched", 2),
    ]
    assert "ann" not in str(found)


async def test_who_watches_is_named_when_nobody_answers(clockwork):
    clockwork.at("2026-11-24T09:00")
    onward = {"escalate_after": "PT1H", "escalate_assignee": "boss"}
    await clockwork.make("/v1/routing-rules", {"name": "all", "assignee": "ann"} | onward)
    path = await clockwork.post("2026-11-25T09:00")
    await put(clockwork.desk, path, "pm", "cto")

    await clockwork.work_until("2026-11-25T10:00")

    [event] = [event for event in await clockwork.desk.api.events() if event.type == "feedback.escalated"]
    assert event.data["watchers"] == ["cto", "pm"]
    assert (await clockwork.desk.get(path))["assignee"] == "boss"


async def test_who_watched_a_post_is_gone_with_it(desk, path):
    await put(desk, path, "ann")
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("DELETE FROM feedback"))
        left = (await session.execute(text("SELECT count(*) FROM feedback_watcher"))).scalar()

    assert left == 0


async def test_people_who_come_and_go_at_once_leave_what_was_said_last(desk, path):
    await put(desk, path, "a", "b", "c")

    async def go(user_id):
        body = {"user_ids": [user_id]}
        return (await desk.client.request("DELETE", f"{path}/watchers", json=body, headers=desk.agent)).json()

    answers = await asyncio.gather(*(go(user_id) for user_id in ("a", "b", "a")))

    assert sorted(answer["changed"] for answer in answers) == [0, 1, 1]
    assert await watching(desk, path) == ["c"]


@pytest.mark.parametrize("user_id", ["用户/一", "a b", "ann@example.test", "%2F"])
async def test_people_are_named_as_their_product_names_them(desk, path, user_id):
    await put(desk, path, user_id)

    assert await watching(desk, path) == [user_id]


async def test_who_watched_one_post_watches_no_other(desk, path):
    other = f"/v1/feedback/{(await desk.post())['id']}"
    await put(desk, path, "ann")

    assert await watching(desk, other) == []
    assert (await put(desk, other, "ann", method="DELETE"))["changed"] == 0
    assert await watching(desk, path) == ["ann"]


async def test_nobody_watches_what_nobody_said(desk):
    await desk.get(f"/v1/feedback/{uuid4()}/watchers", 404)
