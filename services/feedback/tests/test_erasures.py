"""Somebody was erased: who they were and what they said is taken out of their posts, and the numbers stay."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.items import service as items


def erased(*user_ids, workspace="acme"):
    data = UserErased(erasure_id=uuid4(), user_id=user_ids[0], user_ids=list(user_ids))
    return make_event(data, workspace=workspace)


async def written(desk):
    """Return all that the tables of posts hold, as text."""
    async with desk.api.db.transaction(Context(workspace="acme")) as session:
        rows = await session.execute(
            text("SELECT f::text FROM feedback AS f UNION ALL SELECT m::text FROM feedback_message AS m")
        )
        return "\n".join(row[0] for row in rows)


async def told_of(desk, **author):
    item = await desk.post(
        body="MARK 支付失败 and my cat",
        title="MARK title",
        author={"user_id": "MARK", "name": "MARK"} | author,
        attributes={"order": "MARK-1"},
    )
    for kind in ("reply", "note"):
        body = {"kind": kind, "body": f"dear MARK, {kind}"}
        answer = await desk.client.post(f"/v1/feedback/{item['id']}/messages", json=body, headers=desk.agent)
        assert answer.status_code == 201
    return item


async def test_nothing_of_them_is_left_and_what_was_decided_stays(desk):
    item = await told_of(desk, email="mark@example.test")
    before = await desk.get(f"/v1/feedback/{item['id']}")
    other = await desk.post(body="stays", author={"user_id": "MARKED"})

    assert await deliver(desk.api.db, ERASURES, erased("MARK")) == 1

    left = await desk.get(f"/v1/feedback/{item['id']}")
    assert (left["body"], left["title"], left["attributes"]) == ("", None, {})
    assert {left["author"][name] for name in ("user_id", "email", "name")} == {None}
    kept = ("number", "status", "kind", "severity", "sentiment", "created_at", "first_replied_at")
    assert {name: left[name] for name in kept} == {name: before[name] for name in kept}
    assert [each["body"] for each in (await desk.get(f"/v1/feedback/{item['id']}/messages"))["items"]] == ["", ""]
    assert (await desk.get(f"/v1/feedback/{other['id']}"))["body"] == "stays"
    all_there_is = (await written(desk)).replace("MARKED", "")
    assert "MARK" not in all_there_is
    assert "mark@example.test" not in all_there_is
    assert (await desk.get("/v1/feedback", text="cat"))["items"] == []


async def test_hearing_it_again_changes_nothing_and_a_foreign_workspace_keeps_its_own(desk):
    item = await told_of(desk)
    await deliver(desk.api.db, ERASURES, erased("MARK", workspace="other"))
    assert (await desk.get(f"/v1/feedback/{item['id']}"))["title"] == "MARK title"

    for _ in range(2):
        await deliver(desk.api.db, ERASURES, erased("nobody", "MARK"))

    answer = await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)
    assert answer.json()["body"] == ""
    assert answer.json()["updated_at"] >= item["created_at"]


@pytest.mark.parametrize("at_once", [1, 2, 5])
async def test_however_many_posts_they_wrote(desk, monkeypatch, at_once):
    monkeypatch.setattr(items, "ERASED_AT_ONCE", at_once)
    for _ in range(5):
        await desk.post(body="MARK", author={"user_id": "MARK"})

    await deliver(desk.api.db, ERASURES, erased("MARK"))

    assert "MARK" not in await written(desk)


async def test_a_post_that_is_sent_again_is_still_known(desk):
    once = await desk.post(body="MARK", author={"user_id": "MARK"}, external_id="e-1")
    await deliver(desk.api.db, ERASURES, erased("MARK"))

    answer = await desk.client.post(
        "/v1/feedback",
        json={"body": "MARK", "channel": "api", "author": {"user_id": "MARK"}, "external_id": "e-1"},
        headers=desk.agent,
    )

    assert answer.json()["id"] == once["id"]
    assert "MARK" not in await written(desk)


@pytest.mark.parametrize(("at_once", "events"), [(2, 3), (5, 1), (1_000, 1)])
async def test_which_posts_were_emptied_is_told_between_services_once(desk, monkeypatch, at_once, events):
    monkeypatch.setattr(items, "ERASED_AT_ONCE", at_once)
    posts = {(await desk.post(body="MARK", author={"user_id": "MARK"}))["id"] for _ in range(5)}
    await desk.post(body="stays", author={"user_id": "MARKED"})
    event = erased("MARK")

    for _ in range(2):
        await deliver(desk.api.db, ERASURES, event)
    await deliver(desk.api.db, ERASURES, erased("MARK", "wrote nothing any more"))

    told = [each for each in await desk.api.events() if each.type == "feedback.erased"]
    assert [each.sequence for each in told] == list(range(1, events + 1))
    assert {each.partitionkey for each in told} == {f"erasure/{event.data['erasure_id']}/internal"}
    assert {id for each in told for id in each.data["feedback_ids"]} == posts
    assert sum(len(each.data["feedback_ids"]) for each in told) == 5
    assert "MARK" not in str([each.data for each in told])
