"""Digests as they are shown: to operators before they go out, and to people on the page of their links."""

from uuid import UUID, uuid4

from opsloop_common.testing.due import run_due
from opsloop_notifications.app import SERVICE
from opsloop_notifications.digest_mails import timers
from opsloop_notifications.digest_mails.schemas import DigestItemOut
from services.notifications.tests.test_digests import Digests, digests

__all__ = ["digests"]


async def preview(digests, status=200):
    [item] = await digests.items(user_id="u1")
    return await digests.post.call("GET", f"/v1/digests/{item['id']}/preview", status=(status,))


async def test_a_preview_is_the_mail_as_it_is_so_far_and_afterwards(digests):
    await digests.tell("u1", subject="<i>One</i>")
    before = await preview(digests)
    await digests.tell("u1", subject="Two")
    grown = await preview(digests)
    await digests.pass_by(3_600)
    after = await preview(digests)

    assert (before["count"], grown["count"]) == (1, 2)
    assert [each["locale"] for each in grown["contents"]] == ["en", "zh-CN"]
    assert "<i>" not in grown["contents"][0]["html"]
    assert "&lt;i&gt;One" in grown["contents"][0]["html"]
    assert after == grown
    [item] = await digests.items()
    kept = await digests.scalar(f"SELECT contents FROM message WHERE id = '{UUID(item['id'])}'")
    assert [each["html"] for each in kept] == [each["html"] for each in grown["contents"]]


async def test_lists_are_filtered_and_one_is_shown(digests):
    await digests.tell("u1", "u2")
    [item] = await digests.items(user_id="u2")

    assert await digests.post.call("GET", f"/v1/digests/{item['id']}") == item
    assert item.keys() == DigestItemOut.model_fields.keys()
    assert len(await digests.items(topic="news")) == 2
    assert await digests.items(topic="other") == []
    await digests.post.call("GET", "/v1/digests?topic=Not%20one", status=(422,))
    await digests.post.call("GET", f"/v1/digests/{uuid4()}", status=(404,))
    await digests.post.call("GET", f"/v1/digests/{uuid4()}/preview", status=(404,))


async def test_who_may(digests, service):
    await digests.tell("u1")
    [item] = await digests.items()
    other, writer = await service.key(workspace="b"), await service.key("notifications:write")
    for path in ("/v1/digests", f"/v1/digests/{item['id']}", f"/v1/digests/{item['id']}/preview"):
        assert (await service.client.get(path)).status_code == 401
        assert (await service.client.get(path, headers=writer)).status_code == 403
    assert (await service.client.get("/v1/digests", headers=other)).json()["items"] == []
    assert (await service.client.get(f"/v1/digests/{item['id']}", headers=other)).status_code == 404


async def test_a_topics_digest_is_changed_whole(digests):
    one = f"/v1/notification-topics/{digests.topic['id']}"
    weekly = await digests.post.call("PATCH", one, {"digest": {"every": "week"}})
    assert weekly["digest"] == {"every": "week", "at": "09:00", "weekday": "monday"}
    assert (await digests.post.call("PATCH", one, {"name": "Other"}))["digest"] == weekly["digest"]
    assert (await digests.post.call("PATCH", one, {"digest": None}))["digest"] is None
    await digests.tell("u1")
    assert list(await digests.mails()) == ["u1"]


async def test_a_general_message_has_a_name_that_people_read(digests):
    await digests.post.topic("general", name="general", digest={"every": "hour"})
    await digests.tell("u1", topic=None)
    assert (await preview(digests))["contents"][0]["subject"] == "general: 1 message"


async def test_a_window_that_is_over_twice_sends_once(digests: Digests):
    await digests.tell("u1")
    await digests.pass_by(3_600)
    kinds = [kind for kind in SERVICE.due if kind is timers.SEND_DIGESTS]
    assert await run_due(digests.service.db, kinds) == 0
    assert len(await digests.mails()) == 1


async def test_a_digest_of_which_all_was_taken_back_is_closed_without_a_mail(digests: Digests):
    message_id = await digests.tell("u1")
    await digests.post.call("POST", f"/v1/messages/{message_id}/cancel")
    empty = await preview(digests)
    await digests.pass_by(3_600)

    assert (empty["count"], empty["contents"]) == (0, [])
    assert await digests.mails() == {}
    [item] = await digests.items()
    assert item["sent_at"] is not None
    assert await digests.rows(message_id=item["id"]) == []


async def test_a_topic_without_a_row_is_called_by_its_key(digests: Digests):
    wish = {"topic": "nobody-named-it", "channel": "email", "is_on": True, "digest": {"every": "hour"}}
    await digests.post.call("PUT", "/v1/recipients/u1/preferences", {"topics": [wish]})
    await digests.tell("u1", topic="nobody-named-it")
    subjects = [each["subject"] for each in (await preview(digests))["contents"]]
    assert subjects == ["nobody-named-it: 1 message", "nobody-named-it：1 条消息"]


async def test_a_general_message_without_a_topics_row_is_named_in_both_languages(digests: Digests):
    wish = {"topic": "general", "channel": "email", "is_on": True, "digest": {"every": "hour"}}
    await digests.post.call("PUT", "/v1/recipients/u1/preferences", {"topics": [wish]})
    await digests.tell("u1", topic=None)
    subjects = [each["subject"] for each in (await preview(digests))["contents"]]
    assert subjects == ["Messages: 1 message", "消息：1 条消息"]
