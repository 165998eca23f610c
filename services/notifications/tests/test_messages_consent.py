"""Mails carry the link that ends their topic, what is held back says why, and an address that is not there gets nothing more."""

import email
import email.policy
from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.service import QUEUE_TABLE
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings

HELLO = MessageContent(locale="en", subject="Hello", body="hello")


class Mailing:
    def __init__(self, service, key, script):
        self.service, self.key, self.script = service, key, script

    async def call(self, method, path, **options):
        answer = await self.service.client.request(method, path, headers=self.key, **options)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def send(self, *users, topic=None):
        data = MessageRequested(
            campaign_id=uuid4(),
            message_id=uuid4(),
            channel="email",
            user_ids=list(users),
            contents=[HELLO],
            topic=topic,
        )
        await deliver(self.service.db, MESSAGES, make_event(data))

    async def rows(self, **query):
        return {row["user_id"]: row for row in (await self.call("GET", "/v1/notifications", params=query))["items"]}

    async def ended(self, count):
        rows = await self.rows()
        return rows if sum(row["status"] != "pending" for row in rows.values()) == count else None

    def mails(self):
        read = {to: email.message_from_bytes(raw, policy=email.policy.default) for to, raw in self.script.taken}
        return {to.partition("@")[0]: message for to, message in read.items()}


@pytest.fixture
async def make(api, script):
    async def made(public_url="https://ops.example.test"):
        settings = settings_for_tests(NotificationsSettings, smtp_url=script.url, public_url=public_url)
        service = await api(SERVICE, settings)
        mailing = Mailing(service, await service.key(), script)
        for user in ("u1", "u2", "u3"):
            await mailing.call("PUT", f"/v1/recipients/{user}", json={"email": f"{user}@example.test"})
        return mailing

    return made


async def test_a_link_in_the_mail_unsubscribes_by_one_post_and_the_next_is_not_sent(make, work, until):
    mailing = await make()
    async with work(mailing.service, dispatch_mails):
        await mailing.send("u1", topic="news")
        await until(lambda: mailing.ended(1), "sent")
        mail = mailing.mails()["u1"]

        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        link = mail["List-Unsubscribe"]
        assert link.startswith("<https://ops.example.test/p/acme/unsubscribe?token=")
        way = link.strip("<>").removeprefix("https://ops.example.test")
        answer = await mailing.service.client.post(way, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        await mailing.send("u1", topic="news")
        await mailing.send("u1", topic="other")
        found = await until(lambda: mailing.rows(status="failed"), "held back")

    assert found["u1"]["reason"] == "unsubscribed"


@pytest.mark.parametrize(
    ("public_url", "names"),
    [(None, []), ("http://ops.example.test", ["List-Unsubscribe"])],
)
async def test_mail_programs_post_by_themselves_only_to_https(make, work, until, public_url, names):
    mailing = await make(public_url)
    async with work(mailing.service, dispatch_mails):
        await mailing.send("u1")
        await until(lambda: mailing.ended(1), "sent")

    assert [name for name in mailing.mails()["u1"] if name.startswith("List-")] == names


async def test_what_is_critical_has_no_link(make, work, until):
    mailing = await make()
    critical = {"key": "outage", "name": "Outages", "is_critical": True}
    await mailing.call("POST", "/v1/notification-topics", json=critical)
    async with work(mailing.service, dispatch_mails):
        await mailing.send("u1", topic="outage")
        await until(lambda: mailing.ended(1), "sent")

    assert mailing.mails()["u1"]["List-Unsubscribe"] is None


async def test_who_leaves_while_it_waits_gets_nothing_and_it_is_no_try(make, work, until):
    mailing = await make()
    await mailing.send("u1", "u2")
    wanted = {"topics": [{"topic": "general", "channel": "email", "is_on": False}]}
    await mailing.call("PUT", "/v1/recipients/u2/preferences", json=wanted)

    async with work(mailing.service, dispatch_mails):
        told = await until(lambda: mailing.ended(2), "ended")

    assert (told["u1"]["status"], told["u2"]["reason"]) == ("sent", "unsubscribed")
    assert told["u2"]["attempt_count"] == 0
    assert set(mailing.mails()) == {"u1"}
    heard = {
        event.data["user_id"]: event.type for event in await mailing.service.events() if "message_id" in event.data
    }
    assert heard == {"u1": "notification.sent", "u2": "notification.failed"}


async def test_a_night_that_begins_while_it_waits_defers_and_it_goes_out_in_the_morning(make, work, until):
    mailing = await make()
    await mailing.send("u1")
    now = mailing.service.clock.now()
    hours = {"start": f"{now + timedelta(hours=-1):%H}:00", "end": f"{now + timedelta(hours=2):%H}:00"}
    await mailing.call("PUT", "/v1/recipients/u1/preferences", json={"topics": [], "quiet_hours": hours})

    async def deferred():
        row = (await mailing.rows())["u1"]
        return row if row["deferred_until"] else None

    async with work(mailing.service, dispatch_mails):
        row = await until(deferred, "deferred")
        assert (row["status"], row["attempt_count"]) == ("pending", 0)
        assert mailing.script.taken == []
        mailing.service.clock.advance(2 * 3600)
        mailing.service.db.wakeups.fire(QUEUE_TABLE)
        told = await until(lambda: mailing.ended(1), "sent")

    assert told["u1"]["status"] == "sent"


@pytest.mark.parametrize(
    ("answer", "is_suppressed"),
    [
        (b"550 5.1.1 no such user", True),
        (b"550 5.2.1 disabled", True),
        (b"550 5.7.1 we do not like this", False),
        (b"552 5.2.2 full", False),
    ],
)
async def test_an_address_that_is_not_there_gets_nothing_more(make, work, until, answer, is_suppressed):
    mailing = await make()
    mailing.script.answers["u1@example.test"] = answer
    async with work(mailing.service, dispatch_mails):
        await mailing.send("u1", "u2")
        await until(lambda: mailing.rows(status="sent"), "another's")
        mailing.service.clock.advance(6)
        mailing.service.db.wakeups.fire(QUEUE_TABLE)
        await until(lambda: mailing.ended(2), "ended")

    for _ in range(2):
        await run_due(mailing.service.db, SERVICE.due)

    kept = (await mailing.call("GET", "/v1/suppressions"))["items"]
    assert [each["reason"] for each in kept] == (["hard_bounce"] if is_suppressed else [])
    state = (await mailing.call("GET", "/v1/recipients/u1"))["state"]
    assert state == ("bounced" if is_suppressed else "confirmed")
    told = [event for event in await mailing.service.events() if event.type == "recipient.suppressed"]
    assert len(told) == is_suppressed
    assert not any("example.test" in str(event.data) for event in told)
