"""People are told: one row each, mail in their language, and the bus hears what became of it."""

import asyncio
import email
import email.policy
import re
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from aiosmtpd.smtp import SMTP

from opsloop_common import limits
from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.due.port import Ask
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.letters.service import Writer
from opsloop_notifications.mail.service import MailServer
from opsloop_notifications.mail.writing import write
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.service import QUEUE_TABLE
from opsloop_notifications.posting.sender import LEAST_AHEAD, REFILL_SECONDS, MailWork
from opsloop_notifications.posting.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings

ENGLISH = MessageContent(locale="en", subject="We are on it", body="We saw the crash.\n")
CHINESE = MessageContent(locale="zh-CN", subject="我们正在处理：支付失败", body="我们已经发现问题。\n")


class Sink:
    """Takes mail, or answers RCPT as it is told."""

    def __init__(self):
        self.mails, self.refuse, self.connections = [], {}, 0

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 aiosmtpd's name
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 aiosmtpd's name
        if self.refuse.get(address):
            return self.refuse[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 aiosmtpd's name
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, message))
        return "250 taken"


@pytest.fixture
async def sink():
    handler = Sink()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, hostname="127.0.0.1", enable_SMTPUTF8=True), "127.0.0.1", 0
    )
    handler.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield handler
    server.close()
    await server.wait_closed()


@pytest.fixture
async def mailing(api, sink):
    settings = settings_for_tests(NotificationsSettings, smtp_url=sink.url, mail_from="Ops <ops@product.test>")
    service = await api(SERVICE, settings)
    key = await service.key()
    for user, locale in (("u1", "en"), ("u2", "zh-CN"), ("u4", None)):
        body = {"email": f"{user}@example.test", "locale": locale}
        await service.client.put(f"/v1/recipients/{user}", json=body, headers=key)
    service.headers = key
    return service


def request(*user_ids, contents=(ENGLISH, CHINESE), message_id=None, campaign_id=None, **envelope):
    data = MessageRequested(
        campaign_id=campaign_id or uuid4(),
        message_id=message_id or uuid4(),
        channel="email",
        user_ids=list(user_ids),
        contents=list(contents),
    )
    return make_event(data, **envelope)


async def rows(service, **query):
    answer = await service.client.get("/v1/notifications", params=query, headers=service.headers)
    assert answer.status_code == 200, answer.text
    return {item["user_id"]: item for item in answer.json()["items"]}


async def ended(service, count):
    found = await rows(service)
    return found if sum(row["status"] != "pending" for row in found.values()) == count else None


async def test_who_names_no_language_is_told_in_the_workspaces(mailing):
    answer = await mailing.client.patch("/v1/workspace", json={"locale": "zh-CN"}, headers=mailing.headers)
    assert answer.status_code == 200, answer.text
    await deliver(mailing.db, MESSAGES, request("u1", "u2", "u3", "u4"))

    told = {user: row["locale"] for user, row in (await rows(mailing)).items()}
    assert told == {"u1": "en", "u2": "zh-CN", "u3": "zh-CN", "u4": "zh-CN"}


async def test_each_person_is_told_in_their_language(mailing, sink, work, until):
    event = request("u1", "u2", "u3", "u1", "u4")
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, event)
        told = await until(lambda: ended(mailing, 4), "all ended")

    assert {user: (row["status"], row["reason"], row["locale"]) for user, row in told.items()} == {
        "u1": ("sent", None, "en"),
        "u2": ("sent", None, "zh-CN"),
        "u3": ("failed", "no_address", "en"),
        "u4": ("sent", None, "en"),
    }
    mails = {recipients[0]: (sender, message) for sender, recipients, message in sink.mails}
    assert set(mails) == {"u1@example.test", "u2@example.test", "u4@example.test"}
    sender, chinese = mails["u2@example.test"]
    assert sender == "ops@product.test"
    assert (chinese["subject"], chinese.get_content()) == (CHINESE.subject, CHINESE.body.replace("\n", "\r\n"))
    assert chinese["from"] == "Ops <ops@product.test>"
    assert chinese["to"] == "u2@example.test"
    assert re.fullmatch(f"<{told['u2']['id']}-[0-9a-f]{{16}}@product.test>", chinese["message-id"]), (
        "its id, and a proof"
    )
    assert chinese["date"].datetime == mailing.clock.now()
    assert chinese["list-unsubscribe"] is None


async def test_the_bus_hears_of_each(mailing, sink, work, until):
    event = request("u1", "u3", causationdepth=2)
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, event)
        await until(lambda: ended(mailing, 2), "all ended")

    told = {e.data["user_id"]: e for e in await mailing.events()}
    assert {user: e.type for user, e in told.items()} == {"u1": "notification.sent", "u3": "notification.failed"}
    assert told["u3"].data["reason"] == "no_address"
    for heard in told.values():
        assert heard.data["campaign_id"] == event.data["campaign_id"]
        assert heard.data["message_id"] == event.data["message_id"]
        assert (heard.causationid, heard.causationdepth) == (str(event.id), 3)
        assert (heard.correlationid, heard.workspace) == (event.correlationid, "acme")
    assert told["u1"].data["locale"] == "en"


async def test_a_repeated_request_sends_nothing_twice(mailing, sink, work, until):
    message, campaign = uuid4(), uuid4()
    async with work(mailing, dispatch_mails):
        first = request("u1", "u2", message_id=message, campaign_id=campaign)
        assert await deliver(mailing.db, MESSAGES, first) == 1
        assert await deliver(mailing.db, MESSAGES, first) == 0
        again = request("u2", "u4", message_id=message, campaign_id=campaign, sequence=2)
        await deliver(mailing.db, MESSAGES, again)
        await until(lambda: ended(mailing, 3), "all ended")

    assert sorted(recipients[0] for _, recipients, _ in sink.mails) == [f"u{n}@example.test" for n in (1, 2, 4)]
    assert set(await rows(mailing, campaign_id=str(campaign))) == {"u1", "u2", "u4"}
    assert set(await rows(mailing, user_id="u1")) == {"u1"}
    assert await rows(mailing, campaign_id=str(uuid4())) == {}
    assert await rows(mailing, status="failed") == {}


async def test_refused_for_good_and_for_now(mailing, sink, work, until):
    sink.refuse = {"u1@example.test": ["550 5.1.1 no such user"], "u2@example.test": ["451 later", "451 later"]}
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u1", "u2"))
        told = await until(lambda: ended(mailing, 1), "the refusal")
        assert (told["u1"]["status"], told["u1"]["reason"]) == ("failed", "rejected")
        assert told["u1"]["detail"].startswith("550")
        for tries in (1, 2):
            await until(lambda n=tries: tried(mailing, "u2", n), f"try {tries}")
            mailing.clock.advance(3600)
            mailing.db.wakeups.fire(QUEUE_TABLE)
        told = await until(lambda: ended(mailing, 2), "sent at last")

    assert (told["u2"]["status"], told["u2"]["attempt_count"]) == ("sent", 3)
    assert len(sink.mails) == 1


async def tried(service, user, count):
    return (await rows(service))[user]["attempt_count"] == count


async def test_a_server_that_stays_away_costs_no_mail_a_try_for_five_days(api, work, until):
    settings = settings_for_tests(NotificationsSettings, smtp_url="smtp://127.0.0.1:2")
    service = await api(SERVICE, settings)
    service.headers = await service.key()
    await service.client.put("/v1/recipients/u1", json={"email": "u1@example.test"}, headers=service.headers)

    async def waits():
        return (await rows(service))["u1"]["detail"] is not None

    async with work(service, dispatch_mails):
        await deliver(service.db, MESSAGES, request("u1"))
        await until(waits, "it waits")
        service.clock.advance(4 * 24 * 3600)
        service.db.wakeups.fire(QUEUE_TABLE)
        told = await rows(service)
        service.clock.advance(25 * 3600)
        service.db.wakeups.fire(QUEUE_TABLE)
        ended_ = await until(lambda: ended(service, 1), "given up")

    assert (told["u1"]["status"], told["u1"]["attempt_count"]) == ("pending", 0)
    assert (ended_["u1"]["status"], ended_["u1"]["reason"]) == ("failed", "undeliverable")


async def test_without_a_mail_server_each_row_says_so(service, work, until):
    service.headers = await service.key()
    await service.client.put("/v1/recipients/u1", json={"email": "u1@example.test"}, headers=service.headers)
    async with work(service, dispatch_mails):
        await deliver(service.db, MESSAGES, request("u1"))
        told = await until(lambda: ended(service, 1), "ended")

    assert told["u1"]["reason"] == "smtp_not_configured"
    (event,) = await service.events()
    assert event.data["reason"] == "smtp_not_configured"


async def test_headers_cannot_be_injected(mailing, sink, work, until):
    evil = MessageContent(locale="en", subject="Hello\r\nBcc: victim@example.test\n\nbody", body="plain")
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request("u1", contents=[evil]))
        await until(lambda: ended(mailing, 1), "ended")

    ((_, recipients, message),) = sink.mails
    assert recipients == ["u1@example.test"]
    assert message["bcc"] is None
    assert message["subject"] == "Hello Bcc: victim@example.test body"


async def test_connections_are_reused(mailing, sink, work, until):
    for n in range(60):
        body = {"email": f"p{n}@example.test"}
        await mailing.client.put(f"/v1/recipients/p{n}", json=body, headers=mailing.headers)
    async with work(mailing, dispatch_mails):
        await deliver(mailing.db, MESSAGES, request(*(f"p{n}" for n in range(60))))
        await until(lambda: len(sink.mails) == 60, "60 mails", 20)

    assert sink.connections <= limits.MAIL_CONNECTIONS - limits.MAIL_CONNECTIONS_KEPT


async def test_a_mail_server_that_falls_silent_delays_no_stop():
    async def serve(reader, writer):
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            command = line[:4].upper().strip()
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
            if command != b"QUIT":
                writer.write(b"250 OK\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    written = write(
        sender="ops@example.test",
        recipient="u1@example.test",
        subject="Hello",
        body="Hello",
        id="1",
        sent_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    async with server:
        async with MailServer(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}") as mail:
            sends = [mail.send(written) for _ in range(4)]
            await asyncio.gather(*sends)
            began = time.monotonic()
        assert time.monotonic() - began < 5


async def test_doors(mailing, sink):
    await deliver(mailing.db, MESSAGES, request("u3"))
    item = (await rows(mailing))["u3"]
    path, other = f"/v1/notifications/{item['id']}", await mailing.key(workspace="other")
    client = mailing.client

    assert (await client.get(path, headers=mailing.headers)).json() == item
    assert (await client.get(path)).status_code == 401
    assert (await client.get("/v1/notifications")).status_code == 401
    assert (await client.get(path, headers=other)).status_code == 404
    assert (await client.get("/v1/notifications", headers=other)).json()["items"] == []
    assert (await client.get("/v1/notifications?status=lost", headers=mailing.headers)).status_code == 422
    assert (await client.get("/v1/notifications?campaign_id=x", headers=mailing.headers)).status_code == 422


async def test_a_workspace_that_holds_enough_is_asked_for_more_only_when_that_runs_low(mailing):
    await deliver(mailing.db, MESSAGES, request("u1", "u2"))
    work = MailWork(mailing.runtime, (), Writer(mailing.runtime, "team@example.test"))
    now = mailing.runtime.clock.now()

    async def claim(held):
        return await work.claim(
            Ask(now=now, owner=uuid4(), limit=100, share=100, full=(), held={("acme", "acme"): held})
        )

    left, came = await claim(LEAST_AHEAD // 2 + 1), await claim(LEAST_AHEAD // 2)

    assert (left.items, left.next_at) == ([], now + timedelta(seconds=REFILL_SECONDS))
    assert ({mail.user_id for mail in came.items}, came.next_at) == ({"u1", "u2"}, None)
