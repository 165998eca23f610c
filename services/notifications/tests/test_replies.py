"""Replies to what somebody said go out by mail in their thread and lie in the inbox, whatever was wished for of other mail."""

import email
import email.policy
from uuid import uuid4

import pytest

from opsloop_common.contracts.feedback import ReplyRequested
from opsloop_common.contracts.users import UserErased, mailbox_user_id
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.consumers import ERASURES
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.replies.consumers import REPLIES
from opsloop_notifications.settings import NotificationsSettings

MAILBOX = mailbox_user_id("acme", "li@example.test")


class Desk:
    def __init__(self, service, key, script):
        self.service, self.key, self.script = service, key, script

    def asked(self, user_id="u1", channels=("email", "inbox"), **fields):
        said = {"locale": "zh-CN", "title": "Re: 支付失败 [#7]", "body": "已修复"} | fields
        ids = {"feedback_id": uuid4(), "number": 7, "message_id": uuid4()}
        return make_event(ReplyRequested(**ids, user_id=user_id, channels=list(channels), **said))

    async def call(self, method, path, **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code < 300, answer.text
        return answer.json()

    async def rows(self):
        found = (await self.call("GET", "/v1/notifications"))["items"]
        return {row["channel"]: (row["user_id"], row["status"], row["reason"]) for row in found}

    async def ended(self):
        rows = await self.rows()
        return rows if all(status != "pending" for _, status, _ in rows.values()) else None


@pytest.fixture
async def desk(api, script):
    service = await api(SERVICE, settings_for_tests(NotificationsSettings, smtp_url=script.url))
    return Desk(service, await service.key(), script)


async def test_a_reply_goes_out_once_in_its_thread_and_lies_in_the_inbox(desk, work, until):
    await desk.call("PUT", "/v1/recipients/u1", json={"email": "u1@example.test"})
    asked = desk.asked(reply_to="reply+tok@mail.test", references=["<reply+tok@mail.test>", "<m1@example.test>"])
    again = asked.model_copy(update={"id": uuid4()})

    async with work(desk.service, dispatch_mails):
        await deliver(desk.service.db, REPLIES, asked, asked, again)
        rows = await until(desk.ended, "sent")

    assert rows == {"email": ("u1", "sent", None), "inbox": ("u1", "sent", None)}
    [(to, raw)] = desk.script.taken
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert (to, mail["Subject"], mail.get_content().strip()) == ("u1@example.test", "Re: 支付失败 [#7]", "已修复")
    assert (mail["Reply-To"], mail["In-Reply-To"]) == ("reply+tok@mail.test", "<m1@example.test>")
    assert mail["References"].split() == ["<reply+tok@mail.test>", "<m1@example.test>"]
    assert (mail["Auto-Submitted"], mail["List-Unsubscribe"]) == ("no", None)
    [entry] = (await desk.call("GET", "/v1/recipients/u1/inbox"))["items"]
    assert (entry["title"], entry["body"]) == ("Re: 支付失败 [#7]", "已修复")
    told = [event.data for event in await desk.service.events() if event.type == "notification.sent"]
    assert {each["channel"] for each in told} == {"email", "inbox"}
    assert {each["message_id"] for each in told} == {str(asked.data["message_id"])}


async def test_an_answer_goes_where_it_was_asked_also_to_somebody_of_whom_nothing_is_known(desk, work, until):
    async with work(desk.service, dispatch_mails):
        await deliver(desk.service.db, REPLIES, desk.asked(MAILBOX, ["email"], email="li@example.test"))
        rows = await until(desk.ended, "sent")

    assert rows == {"email": (MAILBOX, "sent", None)}
    assert [to for to, _ in desk.script.taken] == ["li@example.test"]


@pytest.mark.parametrize(("suppressed", "reason"), [(True, "suppressed"), (False, "no_address")])
async def test_what_cannot_be_sent_says_why(desk, suppressed, reason):
    if suppressed:
        await desk.call("POST", "/v1/suppressions", json={"address": "u1@example.test"})
    fields = {"email": "u1@example.test"} if suppressed else {}

    await deliver(desk.service.db, REPLIES, desk.asked(**fields))

    assert await desk.rows() == {"email": ("u1", "failed", reason), "inbox": ("u1", "sent", None)}
    told = [event.data for event in await desk.service.events() if event.type == "notification.failed"]
    assert [each["reason"] for each in told] == [reason]


async def test_who_left_other_mail_and_sleeps_is_answered(desk, work, until):
    await desk.call("PUT", "/v1/recipients/u1", json={"email": "u1@example.test"})
    topics = [{"topic": "general", "channel": "email", "is_on": False}]
    quiet = {"start": "00:00", "end": "23:59"}
    await desk.call("PUT", "/v1/recipients/u1/preferences", json={"topics": topics, "quiet_hours": quiet})

    async with work(desk.service, dispatch_mails):
        await deliver(desk.service.db, REPLIES, desk.asked(channels=["email"]))
        rows = await until(desk.ended, "sent")

    assert rows["email"] == ("u1", "sent", None)


async def test_of_who_was_erased_nothing_stays_and_nothing_comes(desk):
    asked = desk.asked(email="u1@example.test")
    await deliver(desk.service.db, REPLIES, asked)
    erased = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])
    await deliver(desk.service.db, ERASURES, make_event(erased))
    late = desk.asked(email="u1@example.test")
    nobody = late.model_copy(update={"data": late.data | {"user_id": f"erased-{late.id}", "title": "", "body": ""}})

    await deliver(desk.service.db, REPLIES, nobody)

    assert await desk.rows() == {}


async def test_a_request_that_breaks_its_contract_leaves_nothing(desk):
    asked = desk.asked()
    poison = asked.model_copy(update={"data": asked.data | {"channels": ["pigeon"]}})

    with pytest.raises(ValueError, match="channels"):
        await deliver(desk.service.db, REPLIES, poison)

    assert await desk.rows() == {}
