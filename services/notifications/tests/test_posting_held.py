"""What a mail server says about us holds the queue and costs no mail a try; what it says about one person stops no other."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.http.probes import readiness
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.mails import MailResult
from opsloop_notifications.messages.service import QUEUE_TABLE
from opsloop_notifications.posting.sender import MailWork
from opsloop_notifications.posting.timers import dispatch_mails
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

    assert (told["u1"]["reason"], told["u1"]["detail"]) == ("undeliverable", "the mail server takes nothing now (554)")


async def test_an_outcome_that_cannot_be_stored_is_kept_without_the_servers_words(mailing, script, work, until):
    stored = MailWork.bare(None, MailResult(None, "rejected", "550 \0\udcff", None))

    assert (stored.reason, stored.next_attempt_at, stored.is_try) == ("rejected", None, True)
    assert stored.detail == "what the mail server said could not be stored"


async def test_a_mail_whose_outcome_cannot_be_stored_is_recorded_all_the_same(
    mailing, script, work, until, monkeypatch
):
    monkeypatch.setattr("opsloop_notifications.mail.server.rules.readable", lambda answer: "no such user \udcff")
    script.answers["u1@example.test"] = b"550 5.1.1 no such user"
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u0", "u1", "u2"))
        told = await until(lambda: with_status(mailing, u0="sent", u1="failed", u2="sent"), "all three ended")

    assert (told["u1"]["reason"], told["u1"]["detail"]) == (
        "rejected",
        "what the mail server said could not be stored",
    )
    assert sorted(recipient for recipient, _ in script.taken) == ["u0@example.test", "u2@example.test"]


async def neighbours(service, *names, people=6):
    keys = {name: await service.key(workspace=name) for name in names}
    for name, key in keys.items():
        for n in range(people):
            body = {"email": f"u{n}@{name}.test"}
            assert (await service.client.put(f"/v1/recipients/u{n}", json=body, headers=key)).status_code < 300
    return keys


def request_of(workspace, *users):
    return request(*users).model_copy(update={"workspace": workspace})


async def rows_of(service, key):
    answer = await service.client.get("/v1/notifications", headers=key)
    return {item["user_id"]: item for item in answer.json()["items"]}


REFUSALS_OF_ONE = {
    "sign-in, says RCPT": {"RCPT": b"550 5.7.8 <boss@evil.test>: secret words"},
    "sender's quota, says RCPT": {"RCPT": b"550 5.4.5 boss secret words"},
    "sign-in, after DATA": {"end": b"530 5.7.0 boss secret words"},
    "of the recipient": {"RCPT": b"550 5.1.1 boss secret words"},
    "for later": {"RCPT": b"451 4.7.8 boss secret words"},
    "no SMTP": {"RCPT": b"secret words of boss"},
    "three replies": {"end": b"550 5.7.1 boss secret words\r\n250 a\r\n250 b"},
}


@pytest.mark.parametrize("answers", REFUSALS_OF_ONE.values(), ids=REFUSALS_OF_ONE)
async def test_what_one_workspaces_recipients_are_answered_costs_no_other_a_mail_and_tells_it_nothing(
    mailing, script, work, until, answers
):
    keys, last = await neighbours(mailing, "good", "evil"), []

    def named(line):
        last[:] = [b"@evil." in line]
        return answers.get("RCPT", b"250 OK") if last[0] else b"250 OK"

    script.answers = {f"u{n}@{name}.test": named for n in range(6) for name in keys}
    script.answers["end"] = lambda _line: answers.get("end", b"250 OK") if last[0] else b"250 OK"
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request_of("evil", *(f"u{n}" for n in range(6))))
        await until(lambda: has_details(mailing, keys["evil"], 6), "evil's are refused or wait")
        await deliver(mailing.db, MESSAGES, request_of("good", *(f"u{n}" for n in range(6))))
        good = await until(lambda: all_sent(mailing, keys["good"]), "good's are sent")
        status, checks = await readiness(mailing.runtime)
        evil = await rows_of(mailing, keys["evil"])

    assert {row["attempt_count"] for row in good.values()} == {1}
    assert {row["detail"] for row in good.values()} == {None}
    assert "sent" not in {row["status"] for row in evil.values()}
    assert status in ("ready", "degraded")
    told = " ".join(check.detail for check in checks) + "".join(map(str, mailing.runtime.registry.collect()))
    assert not any(word in told for word in ("boss", "secret"))


async def has_details(service, key, count):
    found = await rows_of(service, key)
    return sum(row["detail"] is not None for row in found.values()) == count


async def all_sent(service, key):
    found = await rows_of(service, key)
    return found if {row["status"] for row in found.values()} == {"sent"} else None


REFUSALS_OF_US = [
    b"554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example",
    b"554 5.7.1 <u1@example.test>: Relay access denied",
    b"550 Daily user sending limit exceeded",
    b"450 4.7.1 Client host rejected",
]


@pytest.mark.parametrize("answer", REFUSALS_OF_US)
@pytest.mark.parametrize("workspaces", [1, 3])
async def test_a_refusal_of_us_that_comes_at_a_recipient_loses_no_mail(
    mailing, script, work, until, answer, workspaces
):
    keys = await neighbours(mailing, *[f"w{n}" for n in range(workspaces)])
    script.answers = {f"u{n}@{name}.test": answer for n in range(6) for name in keys}
    async with work(mailing, dispatch_mails):
        for name in keys:
            await deliver(mailing.db, MESSAGES, request_of(name, *(f"u{n}" for n in range(6))))
        held = partial(mailing.runtime.registry.get_sample_value, "opsloop_mails_held")
        await until(held, "mail is held")
        status, _ = await readiness(mailing.runtime)
        for _ in range(3):
            await until(partial(asked_again, mailing, script, script.asked), "the server is asked again")
        night = [row for key in keys.values() for row in (await rows_of(mailing, key)).values()]
        script.answers = {}
        for key in keys.values():
            await until(lambda key=key: all_sent_or_woken(mailing, key), "all are sent")

    assert status == "degraded"
    assert {row["status"] for row in night} == {"pending"}


async def asked_again(service, script, before):
    service.clock.advance(5 * 60)
    service.db.wakeups.fire(QUEUE_TABLE)
    return script.asked > before


async def all_sent_or_woken(service, key):
    service.clock.advance(60)
    service.db.wakeups.fire(QUEUE_TABLE)
    return await all_sent(service, key)


async def test_a_recipient_who_needs_what_the_server_does_not_take_holds_nobody(mailing, script, work, until):
    await mailing.client.put("/v1/recipients/zh", json={"email": "用户@例子.公司"}, headers=mailing.headers)
    script.answers["MAIL"] = lambda line: b"555 5.5.4 SMTPUTF8" if b"SMTPUTF8" in line else b"250 OK"
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("zh"))
        told = await until(lambda: with_status(mailing, zh="failed"), "refused")
        await deliver(mailing.db, MESSAGES, request("u1", "u2"))
        await until(lambda: with_status(mailing, u1="sent", u2="sent"), "the others are sent")

    assert (told["zh"]["reason"], told["zh"]["attempt_count"]) == ("rejected", 1)


async def test_a_refusal_without_a_status_is_final_when_the_server_takes_others(mailing, script, work, until):
    script.answers["u1@example.test"] = b"550 no such user"
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u1", "u2"))
        await until(lambda: with_status(mailing, u2="sent"), "the other is sent")
        await until(lambda: details(mailing, 1), "this one is in doubt")
        mailing.clock.advance(6)
        mailing.db.wakeups.fire(QUEUE_TABLE)
        told = await until(lambda: with_status(mailing, u1="failed"), "refused")

    assert (told["u1"]["reason"], told["u1"]["detail"], told["u1"]["attempt_count"]) == (
        "rejected",
        "550 no such user",
        2,
    )
