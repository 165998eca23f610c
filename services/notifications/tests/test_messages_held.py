"""What a mail server says about us holds the queue and costs no mail a try; what it says about one person stops no other."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.http.probes import readiness
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.sender import MailWork
from opsloop_notifications.messages.service import QUEUE_TABLE, MailResult
from opsloop_notifications.messages.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings

GBK = "550 5.1.1 用户不存在".encode("gbk")


@pytest.fixture
async def mailing(api, script):
    service = await api(SERVICE, settings_for_tests(NotificationsSettings, smtp_url=script.url))
    service.headers = await service.key()
    for n in range(6):
        await service.client.put(f"/v1/recipients/u{n}", json={"email": f"u{n}@example.test"}, headers=service.headers)
    return service


def request(*users):
    contents = [MessageContent(locale="en", subject="Hello", body="Hello\n")]
    data = MessageRequested(
        campaign_id=uuid4(), message_id=uuid4(), channel="email", user_ids=list(users), contents=contents
    )
    return make_event(data)


async def rows(service):
    answer = await service.client.get("/v1/notifications", headers=service.headers)
    return {item["user_id"]: item for item in answer.json()["items"]}


async def with_status(service, **wanted):
    found = await rows(service)
    return found if all(found[user]["status"] == status for user, status in wanted.items()) else None


async def test_one_refusal_that_is_not_utf_8_stops_nobody_and_repeats_nothing(mailing, script, work, until):
    script.answers["u1@example.test"] = GBK
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u0", "u1", "u2"))
        told = await until(lambda: with_status(mailing, u0="sent", u1="failed", u2="sent"), "all three ended")
        await deliver(mailing.db, MESSAGES, request("u3"))
        await until(lambda: with_status(mailing, u3="sent"), "the next is sent")

    assert (told["u1"]["reason"], told["u1"]["detail"]) == ("rejected", "550 5.1.1 用户不存在")
    assert {row["attempt_count"] for row in told.values()} == {1}
    assert sorted(recipient for recipient, _ in script.taken) == [f"u{n}@example.test" for n in (0, 2, 3)]


async def test_a_refused_session_holds_the_queue_and_tells_the_operator(mailing, script, work, until):
    script.answers["MAIL"] = b"530 5.7.0 Must issue a STARTTLS command first, ops@example.test"
    registry = mailing.runtime.registry
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request(*(f"u{n}" for n in range(6))))
        await until(lambda: details(mailing, 6), "all wait")
        asked = script.asked
        for _ in range(3):
            mailing.db.wakeups.fire(QUEUE_TABLE)
            await until(lambda: details(mailing, 6), "they go on waiting")
        told = await rows(mailing)
        status, checks = await readiness(mailing.runtime)
        assert registry.get_sample_value("opsloop_mails_held") == 1
        assert script.asked == asked

        script.answers.clear()
        mailing.clock.advance(31)
        mailing.db.wakeups.fire(QUEUE_TABLE)
        sent = await until(lambda: with_status(mailing, **dict.fromkeys(told, "sent")), "all are sent")
        assert registry.get_sample_value("opsloop_mails_held") == 0

    assert {(row["status"], row["attempt_count"]) for row in told.values()} == {("pending", 0)}
    assert {row["attempt_count"] for row in sent.values()} == {1}
    (check,) = [check for check in checks if check.name == "mail"]
    assert (status, check.ok, check.essential) == ("degraded", False, False)
    assert "530 5.7.0" in check.detail
    assert "@" not in check.detail  # whoever asks needs no key
    assert registry.get_sample_value("opsloop_mails_total", {"outcome": "held"}) >= 6
    assert len(script.taken) == 6


async def details(service, count):
    found = await rows(service)
    return sum(row["detail"] is not None for row in found.values()) == count


async def test_what_waited_for_days_is_not_told_any_more(mailing, script, work, until):
    script.answers["greeting"] = b"554 no"
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u1"))
        await until(lambda: details(mailing, 1), "it waits")
        mailing.clock.advance(timedelta(days=5, minutes=1).total_seconds())
        mailing.db.wakeups.fire(QUEUE_TABLE)
        told = await until(lambda: with_status(mailing, u1="failed"), "given up")

    assert (told["u1"]["reason"], told["u1"]["detail"]) == ("undeliverable", "554 no")


async def test_an_outcome_that_cannot_be_stored_is_kept_without_the_servers_words(mailing, script, work, until):
    stored = MailWork.bare(None, MailResult(None, "rejected", "550 \0\udcff", None))

    assert (stored.reason, stored.next_attempt_at, stored.is_try) == ("rejected", None, True)
    assert stored.detail == "what the mail server said could not be stored"


async def test_a_mail_whose_outcome_cannot_be_stored_is_recorded_all_the_same(
    mailing, script, work, until, monkeypatch
):
    monkeypatch.setattr("opsloop_notifications.mail.service.rules.readable", lambda answer: "no such user \udcff")
    script.answers["u1@example.test"] = b"550 5.1.1 no such user"
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u0", "u1", "u2"))
        told = await until(lambda: with_status(mailing, u0="sent", u1="failed", u2="sent"), "all three ended")

    assert (told["u1"]["reason"], told["u1"]["detail"]) == (
        "rejected",
        "what the mail server said could not be stored",
    )
    assert sorted(recipient for recipient, _ in script.taken) == ["u0@example.test", "u2@example.test"]
