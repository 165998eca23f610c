"""A reply goes out to the author, and says of itself what became of it; only then is it told and counted."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.db import Context
from opsloop_common.settings import BadSettings
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_feedback.app import SERVICE
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.conversations.consumers import DELIVERIES, ERASURES
from opsloop_feedback.settings import FeedbackSettings
from services.feedback.tests.conftest import Desk

LI = {"email": "li@example.test"}


async def reply(desk, id, body="We look at it.", expect=201):
    answer = await desk.client.post(
        f"/v1/feedback/{id}/messages", json={"kind": "reply", "body": body}, headers=desk.agent
    )
    assert answer.status_code == expect, answer.text
    return answer.json()


async def hear(desk, message, channel="email", failure=None, workspace="acme", **options):
    about = {"notification_id": uuid4(), "message_id": message["id"], "user_id": "u1", "channel": channel}
    data = NotificationSent(**about) if failure is None else NotificationFailed(**about, reason=failure)
    time = desk.api.clock.now() + options.pop("after", timedelta())
    event = make_event(data, workspace=workspace, time=time, **options)
    await deliver(desk.api.db, DELIVERIES, event)
    return event


async def asked(desk):
    return [event for event in await desk.api.events() if event.type == "reply.requested"]


async def replied(desk):
    return [event.data for event in await desk.api.events() if event.type == "feedback.replied"]


async def state(desk, message):
    found = (await desk.get(f"/v1/feedback/{message['feedback_id']}/messages"))["items"]
    [one] = [each for each in found if each["id"] == message["id"]]
    return one["delivery"], one["channel"], one["failure"], one["sent_at"]


async def test_a_reply_is_asked_for_between_services_alone_and_told_when_it_is_out(desk):
    item = await desk.post(author={"user_id": "u1"} | LI, title="支付失败", locale="zh-CN")
    desk.api.clock.advance(60)
    message = await reply(desk, item["id"], "已修复")

    assert (await desk.get(f"/v1/feedback/{item['id']}"))["status"] == "open"
    assert await state(desk, message) == ("waiting", None, None, None)
    [event] = await asked(desk)
    assert event.partitionkey == f"feedback/{item['id']}/internal"
    said = {"user_id": "u1", "channels": ["email", "inbox"], "locale": "zh-CN", "body": "已修复", "reply_to": None} | LI
    assert {name: event.data[name] for name in said} == said
    assert event.data["title"] == f"Re: 支付失败 [#{item['number']}]"
    assert await replied(desk) == []
    assert "已修复" not in "".join(each.to_bytes().decode() for each in await desk.public())

    told = await hear(desk, message, after=timedelta(seconds=30))
    await deliver(desk.api.db, DELIVERIES, told)
    await hear(desk, message)
    await hear(desk, message, failure="rejected")

    assert await state(desk, message) == ("sent", "email", None, "2026-11-22T08:01:30Z")
    [one] = await replied(desk)
    assert (one["is_first"], one["reply_seconds"], one["message_id"]) == (True, 90, message["id"])
    assert (await desk.get(f"/v1/feedback/{item['id']}"))["first_replied_at"] == "2026-11-22T08:01:30Z"


async def test_what_does_not_go_out_says_why_and_is_told_to_nobody(desk):
    item = await desk.post(author=LI)
    message = await reply(desk, item["id"])

    await hear(desk, message, failure="suppressed")

    assert await state(desk, message) == ("failed", None, "suppressed", None)
    assert await replied(desk) == []
    assert (await desk.get(f"/v1/feedback/{item['id']}"))["first_replied_at"] is None


@pytest.mark.parametrize("order", [("inbox", "email"), ("email", "inbox")])
async def test_what_lies_in_the_inbox_alone_is_out_and_says_why_no_mail_is(desk, order):
    message = await reply(desk, (await desk.post(author={"user_id": "u1"}))["id"])

    for channel in order:
        await hear(desk, message, channel, failure="no_address" if channel == "email" else None)

    assert (await state(desk, message))[:3] == ("sent", "inbox", "no_address")
    assert len(await replied(desk)) == 1


@pytest.mark.parametrize(("channel", "delivery"), [("api", "readable"), ("phone", "failed"), ("form", "failed")])
async def test_without_an_address_whoever_posted_reads_it_or_nobody_is_reached(desk, channel, delivery):
    item = await desk.post(channel=channel)

    message = await reply(desk, item["id"])

    failure = "no_address" if delivery == "failed" else None
    assert await state(desk, message) == (delivery, None, failure, None)
    assert await asked(desk) == []
    assert len(await replied(desk)) == (delivery == "readable")


async def test_whom_a_page_only_names_gets_nothing_but_the_address_that_was_left(desk):
    claimed = {"body": "b", "author": {"user_id": "u1"} | LI}
    made = await desk.client.post("/v1/feedback", json=claimed, headers=await desk.api.publishable())

    await reply(desk, made.json()["id"])

    [event] = await asked(desk)
    assert event.data["user_id"] == mailbox_user_id("acme", LI["email"])
    assert event.data["channels"] == ["email"]


async def test_a_note_goes_nowhere(desk):
    item = await desk.post(author={"user_id": "u1"} | LI)
    made = await desk.client.post(
        f"/v1/feedback/{item['id']}/messages", json={"kind": "note", "body": "only us"}, headers=desk.agent
    )

    await hear(desk, made.json())

    assert await state(desk, made.json()) == ("none", None, None, None)
    assert not [each for each in await desk.api.events() if "only us" in each.to_bytes().decode()]
    assert await replied(desk) == await asked(desk) == []


async def test_a_reply_to_a_merged_one_goes_to_its_own_author(desk):
    one, target = await desk.post(author=LI), await desk.post(author={"user_id": "u2"})
    merged = await desk.client.post(f"/v1/feedback/{one['id']}/merge", json={"into": target["id"]}, headers=desk.agent)
    assert merged.status_code == 200

    message = await reply(desk, one["id"])

    assert message["feedback_id"] == target["id"]
    [event] = await asked(desk)
    assert (event.data["email"], event.data["feedback_id"]) == (LI["email"], target["id"])


async def test_what_is_not_ours_or_of_another_workspace_changes_nothing(desk):
    message = await reply(desk, (await desk.post(author=LI))["id"])

    await hear(desk, {"id": str(uuid4())})
    await hear(desk, message, workspace="other")
    await hear(desk, message, channel="sms")

    assert (await state(desk, message))[0] == "waiting"


async def test_poison_leaves_what_came_with_it_to_be_taken_by_itself(desk):
    message = await reply(desk, (await desk.post(author=LI))["id"])
    good = make_event(
        NotificationSent(notification_id=uuid4(), message_id=message["id"], user_id="u1", channel="email")
    )
    poison = good.model_copy(update={"id": uuid4(), "data": {"message_id": "no id"}})

    with pytest.raises(ValueError, match="message_id"):
        await deliver(desk.api.db, DELIVERIES, good, poison)
    assert (await state(desk, message))[0] == "waiting"
    await deliver(desk.api.db, DELIVERIES, good)

    assert (await state(desk, message))[0] == "sent"


async def test_of_who_was_erased_no_reply_waits(desk):
    item = await desk.post(author={"user_id": "u1"} | LI)
    message = await reply(desk, item["id"], "dear MARK")
    erased = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])

    await deliver(desk.api.db, ERASURES, make_event(erased))
    await hear(desk, message)

    assert (await state(desk, message))[:3] == ("failed", None, "erased")
    [event] = await asked(desk)
    assert (event.data["email"], event.data["title"], event.data["body"]) == (None, "", "")
    assert event.data["user_id"].startswith("erased-")


async def test_promises_are_kept_when_the_reply_is_out(china):
    desk = china.desk
    path = await china.post("2026-11-25T09:00", author=LI)
    china.at("2026-11-25T09:50")
    message = await reply(desk, path.rpartition("/")[2])
    assert (await china.clocks(path))["first_reply"] == "running"

    china.at("2026-11-25T09:55")
    event_time = desk.api.clock.now()
    china.at("2026-11-25T10:10")
    await hear(desk, message, after=event_time - desk.api.clock.now())

    [first] = [each for each in (await desk.get(f"{path}/clocks"))["items"] if each["target"] == "first_reply"]
    assert (first["status"], first["ended_at"]) == ("met", "2026-11-25T01:55:00Z")
    assert await china.told() == [("approaching", "first_reply")]


async def test_who_replies_and_resolves_at_once_has_kept_the_promise_when_the_reply_is_out(china):
    desk = china.desk
    path = await china.post("2026-11-25T09:00", author=LI)
    china.at("2026-11-25T09:10")
    message = await reply(desk, path.rpartition("/")[2])
    await desk.patch(path.rpartition("/")[2], status="resolved")
    assert (await china.clocks(path))["first_reply"] == "cancelled"
    china.at("2026-11-25T09:11")

    await hear(desk, message)

    assert (await china.clocks(path))["first_reply"] == "met"


async def test_a_late_reply_keeps_nothing(china):
    desk = china.desk
    path = await china.post("2026-11-25T09:00", author=LI)
    china.at("2026-11-25T09:10")
    message = await reply(desk, path.rpartition("/")[2])
    await china.work_until("2026-11-25T09:50", "2026-11-25T10:05")

    await hear(desk, message, after=-timedelta(minutes=10))

    [first] = [each for each in (await desk.get(f"{path}/clocks"))["items"] if each["target"] == "first_reply"]
    assert (first["status"], first["ended_at"]) == ("breached", first["breached_at"])
    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")]


async def test_answers_come_back_by_the_address_and_the_references_of_a_reply(api):
    door = await api(SERVICE, settings_for_tests(FeedbackSettings, reply_domain="mail.example.test"))
    desk = Desk(door, await door.key("feedback:read", "feedback:write"))
    item = await desk.post(author=LI, channel="email", external_id="<m0@example.test>")
    async with door.db.transaction(Context(workspace="acme")) as session:
        said = {"body": "hello?", "channel": "email", "external_id": "<m1@example.test>"}
        await conversations.add_from_author(session, UUID(item["id"]), **said)

    await reply(desk, item["id"])

    [event] = await asked(desk)
    address = event.data["reply_to"]
    assert address.endswith("@mail.example.test")
    assert event.data["references"] == [f"<{address}>", "<m1@example.test>", "<m0@example.test>"]
    async with door.db.transaction(Context(workspace="acme")) as session:
        assert str(conversations.conversation_of(session, f"To: {address}")) == item["id"]
    async with door.db.transaction(Context(workspace="other")) as session:
        assert conversations.conversation_of(session, f"To: {address}") is None


@pytest.mark.parametrize("domain", ["a b", "x@y.test", "邮件.test", "-a.test"])
def test_a_domain_that_is_none_is_refused(domain):
    with pytest.raises(BadSettings, match="OPSLOOP_REPLY_DOMAIN: must be a domain"):
        settings_for_tests(FeedbackSettings, reply_domain=domain)
