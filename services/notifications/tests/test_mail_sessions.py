"""What a mail server says, in whatever bytes, is kept; what it says about us holds the queue, and costs no mail a try."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.http.probes import readiness
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import settings_for_tests
from opsloop_notifications.app import SERVICE
from opsloop_notifications.mail.holding import Hold
from opsloop_notifications.mail.service import MailRefused, MailServer, SessionRefused
from opsloop_notifications.mail.writing import write
from opsloop_notifications.messages.consumers import MESSAGES
from opsloop_notifications.messages.service import QUEUE_TABLE
from opsloop_notifications.messages.timers import dispatch_mails
from opsloop_notifications.settings import NotificationsSettings

GBK = "550 5.1.1 用户不存在".encode("gbk")
OK = b"250 OK"


class Script:
    """A mail server that answers each step as it is told, else well; a step is a command, or its end of an address."""

    def __init__(self):
        self.answers, self.extensions, self.asked, self.taken = {}, (b"SMTPUTF8", b"8BITMIME"), 0, []
        self.url = ""

    async def serve(self, reader, writer):
        self.asked += 1
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader, writer):
        def say(answer):
            writer.write(answer + b"\r\n")

        say(self.answers.get("greeting", b"220 here"))
        while line := await reader.readline():
            step = line.split(b" ")[0].strip().decode().upper()
            if step == "EHLO" and "EHLO" not in self.answers:
                say(b"\r\n".join(b"250-" + name for name in (b"here", *self.extensions)) + b"\r\n250 HELP")
                continue
            if step == "RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0].decode()
                say(self.answers.get(recipient, OK))
                continue
            if step == "DATA" and "DATA" not in self.answers:
                say(b"354 go on")
                content = await reader.readuntil(b"\r\n.\r\n")
                said = self.answers.get("end", OK)
                if said == OK:
                    self.taken.append((recipient, content))
                say(said)
                continue
            say(self.answers.get(step, OK))
            if step == "QUIT":
                return


@asynccontextmanager
async def scripted():
    script = Script()
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield script
    finally:
        server.close()


@pytest.fixture
async def script():
    async with scripted() as made:
        yield made


def mail_to(recipient, sender="ops@example.test"):
    sent_at = datetime(2026, 11, 22, tzinfo=UTC)
    return write(sender=sender, recipient=recipient, subject="s", body="b", id="1", sent_at=sent_at)


async def refusal(script, recipient="u1@example.test"):
    async with MailServer(script.url) as server:
        with pytest.raises((MailRefused, SessionRefused)) as raised:
            await server.send(mail_to(recipient))
    return raised.value


@pytest.mark.parametrize(
    ("step", "answer", "status"),
    [
        ("greeting", b"554 5.3.2 not today", "554 5.3.2"),
        ("greeting", "554 拒绝连接".encode("gbk"), "554"),
        ("HELO", b"550 go away", "550"),
        ("MAIL", b"530 5.7.0 Must issue a STARTTLS command first", "530 5.7.0"),
        ("MAIL", b"550 5.4.5 Daily user sending quota exceeded", "550 5.4.5"),
        ("MAIL", "553 发件人不正确".encode("gb18030"), "553"),
        ("u1@example.test", b"550 5.4.5 Daily user sending quota exceeded", "550 5.4.5"),
        ("u1@example.test", b"530 5.7.57 Client not authenticated to send mail", "530 5.7.57"),
        ("end", b"550-5.4.5 Daily user sending\r\n550 5.4.5 quota exceeded", "550 5.4.5"),
        ("end", b"550 5.7.60 no permission to send as this sender", "550 5.7.60"),
    ],
)
async def test_what_is_about_us_is_no_refusal_of_the_mail(script, step, answer, status):
    script.answers |= {"EHLO": b"502 no"} if step == "HELO" else {}
    script.answers[step] = answer

    error = await refusal(script)

    assert (type(error), error.status) == (SessionRefused, status)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("step", "answer", "said"),
    [
        ("u1@example.test", GBK, "550 5.1.1 用户不存在"),
        ("u1@example.test", "550 5.1.1 用户不存在".encode(), "550 5.1.1 用户不存在"),
        ("u1@example.test", b"550 5.7.1 relaying denied", "550 5.7.1 relaying denied"),
        ("u1@example.test", b"550 caf\xe9 \xff\xfe\x80", "550 caf� ���"),
        ("u1@example.test", b"550 a\x00b\x1b[31mc", "550 ab [31mc"),
        ("u1@example.test", b"550-one\r\n550 two", "550 one two"),
        ("u1@example.test", b"550 \xed\xa0\xbd", None),  # half of a surrogate pair, as UTF-8 must not have it
        ("end", "554 垃圾邮件".encode("gbk"), "554 垃圾邮件"),
        ("MAIL", b"552 5.3.4 too big", "552 5.3.4 too big"),
    ],
)
async def test_what_is_about_the_mail_is_kept_in_words_that_can_be_stored(script, step, answer, said):
    script.answers[step] = answer

    error = await refusal(script)

    assert type(error) is MailRefused
    assert said is None or str(error) == said
    assert str(error).encode().decode().isprintable()


async def test_settings_that_the_server_cannot_meet_are_not_the_mails_fault(script):
    script.url = script.url.replace("//", "//用户:密码@")
    script.extensions = (b"AUTH PLAIN LOGIN", b"SMTPUTF8")
    script.answers["AUTH"] = b"535 5.7.8 bad credentials"

    assert isinstance(await refusal(script), SessionRefused)


async def test_a_domain_of_another_script_goes_as_ascii_to_a_server_without_smtputf8(script):
    script.extensions = ()
    async with MailServer(script.url) as server:
        await server.send(mail_to("user@例子.公司", sender="运营 <ops@例子.中国>"))
        with pytest.raises(MailRefused):
            await server.send(mail_to("用户@例子.公司"))

    ((recipient, content),) = script.taken
    assert recipient == "user@xn--fsqu00a.xn--55qx5d"
    assert b"\r\nTo: user@xn--fsqu00a.xn--55qx5d\r\n" in content
    assert b"<ops@xn--fsqu00a.xn--fiqs8s>" in content


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


async def test_each_refusal_in_a_row_holds_longer(clock):
    shown = []
    hold, waits = Hold(clock, show=shown.append), []
    for _ in range(8):
        hold.begin("554 no", "554")
        hold.begin("554 no", "554")  # one more that was under way
        waits.append((hold.until - clock.now()).total_seconds())
        assert hold.lasts()
        clock.set(hold.until)
        assert not hold.lasts()
        assert not (await hold.mail()).ok
    hold.end()

    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert (await hold.mail()).ok
    assert shown[-1] is False
    hold.begin("554 no", "554")
    assert (hold.until - clock.now()).total_seconds() == 30
