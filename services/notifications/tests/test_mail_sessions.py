"""What a mail server says, in whatever bytes, is kept; what it says about us holds the queue, and costs no mail a try."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_notifications.mail.service import MailDelayed, MailRefused, MailServer, SessionRefused
from opsloop_notifications.mail.writing import write

GBK = "550 5.1.1 用户不存在".encode("gbk")


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
        ("greeting", b"421 4.3.2 shutting down", "421 4.3.2"),
        ("greeting", b"552 5.3.4 Too many connections from you", "552 5.3.4"),
        ("greeting", b"550 5.2.3 no", "550 5.2.3"),
        ("greeting", b"HTTP/1.1 400 Bad Request", "no SMTP"),
        ("greeting", b"250 me first", "no SMTP"),
        ("HELO", b"550 go away", "550"),
        ("HELO", b"552 5.6.1 go away", "552 5.6.1"),
        ("STARTTLS", b"454 4.7.0 no certificate", "454 4.7.0"),
        ("STARTTLS", b"554 5.6.0 no", "554 5.6.0"),
        ("AUTH", b"535 5.7.8 bad credentials", "535 5.7.8"),
        ("AUTH", b"552 5.2.3 no", "552 5.2.3"),
        ("AUTH", b"454 4.7.0 temporarily", "454 4.7.0"),
        ("MAIL", b"530 5.7.0 Must issue a STARTTLS command first", "530 5.7.0"),
        ("MAIL", b"550 5.4.5 Daily user sending quota exceeded", "550 5.4.5"),
        ("MAIL", "553 发件人不正确".encode("gb18030"), "553"),
        ("MAIL", b"421 4.7.0 closing", "421 4.7.0"),
        ("MAIL", b"552 5.3.4 though it was told no size", "552 5.3.4"),
        ("MAIL", b"\xff\xfe\x00", "no SMTP"),
    ],
)
async def test_before_a_recipient_is_named_it_is_the_session_whatever_the_code(script, step, answer, status):
    script.answers |= {"EHLO": b"502 no"} if step == "HELO" else {}
    script.extensions = {"STARTTLS": (b"STARTTLS",), "AUTH": (b"AUTH PLAIN LOGIN",)}.get(step, script.extensions)
    script.url = script.url.replace("//", "//用户:密码@") if step == "AUTH" else script.url
    script.answers[step] = answer

    error = await refusal(script)

    assert (type(error), error.status) == (SessionRefused, status)
    assert str(error) == f"the mail server takes nothing now ({status})"


def when(word, answer):
    """Answer so to a line that holds a word, else well."""
    return lambda line: answer if word in line.upper() else b"250 OK"


@pytest.mark.parametrize(
    ("recipient", "sender", "answer", "found"),
    [
        ("用户@example.test", "ops@example.test", when(b"SMTPUTF8", b"555 5.5.4 parameters"), MailRefused),
        ("用户@example.test", "ops@example.test", when(b"SMTPUTF8", b"501 5.5.4 SMTPUTF8"), MailRefused),
        ("用户@example.test", "ops@example.test", when(b"SMTPUTF8", b"451 4.3.0 later"), MailDelayed),
        ("u1@example.test", "ops@example.test", when(b"SIZE", b"552 5.3.4 too big"), MailRefused),
        ("u1@example.test", "ops@example.test", when(b"SIZE", b"452 4.3.1 no room for that"), MailDelayed),
        ("用户@example.test", "ops@example.test", b"530 sign in", SessionRefused),
        ("u1@example.test", "ops@example.test", b"552 5.3.4 too big", SessionRefused),
        ("u1@example.test", "运营@example.test", when(b"SMTPUTF8", b"555 5.5.4 parameters"), SessionRefused),
    ],
)
async def test_what_a_mail_asks_for_is_its_own_unless_the_sender_alone_is_refused_too(
    script, recipient, sender, answer, found
):
    script.extensions = (b"SMTPUTF8", b"SIZE 1000000")
    script.answers["MAIL"] = answer
    async with MailServer(script.url) as server:
        with pytest.raises((MailRefused, MailDelayed)) as raised:
            await server.send(mail_to(recipient, sender))

    assert type(raised.value) is found
    assert found is SessionRefused or raised.value.alike == ""


@pytest.mark.parametrize(
    ("step", "answer", "said"),
    [
        ("u1@example.test", GBK, "550 5.1.1 用户不存在"),
        ("u1@example.test", "550 5.1.1 用户不存在".encode(), "550 5.1.1 用户不存在"),
        ("u1@example.test", b"550 caf\xe9 \xff\xfe\x80", "550 caf� ���"),
        ("u1@example.test", b"550 a\x00b\x1b[31mc", "550 ab [31mc"),
        ("u1@example.test", b"550-one\r\n550 two", "550 one two"),
        ("u1@example.test", b"550 \xed\xa0\xbd", None),  # half of a surrogate pair, as UTF-8 must not have it
        ("end", "554 垃圾邮件".encode("gbk"), "554 垃圾邮件"),
    ],
)
async def test_what_is_said_of_a_recipient_is_kept_in_words_that_can_be_stored(script, step, answer, said):
    script.answers[step] = answer

    error = await refusal(script)

    assert type(error) is MailRefused
    assert said is None or str(error) == said
    assert str(error).encode().decode().isprintable()


@pytest.mark.parametrize(
    ("step", "answer", "found", "alike"),
    [
        ("u1@example.test", b"550 5.1.1 no such user", MailRefused, ""),
        ("u1@example.test", b"550 no such user", MailRefused, "RCPT 550"),
        ("u1@example.test", b"550 5.7.1 relaying denied", MailRefused, "RCPT 550 5.7.1"),
        ("u1@example.test", b"554 5.7.1 Service unavailable; Client host blocked", MailRefused, "RCPT 554 5.7.1"),
        ("u1@example.test", b"530 5.7.57 not authenticated", MailRefused, "RCPT 530 5.7.57"),
        ("u1@example.test", b"421 4.7.0 too many", MailDelayed, "RCPT 421 4.7.0"),
        ("u1@example.test", b"452 4.2.2 full", MailDelayed, ""),
        ("DATA", b"554 5.7.60 no permission to send as this sender", MailRefused, "DATA 554 5.7.60"),
        ("end", b"550-5.4.5 Daily user sending\r\n550 5.4.5 quota exceeded", MailRefused, "DATA 550 5.4.5"),
        ("end", b"552 too big", MailRefused, ""),
        ("u1@example.test", b"999 neither", MailDelayed, ""),
        ("DATA", b"250 nor this", MailDelayed, ""),
        ("end", b"354 nor this", MailDelayed, ""),
    ],
)
async def test_once_somebody_is_named_a_refusal_says_what_it_shares_with_others(script, step, answer, found, alike):
    script.answers[step] = answer
    async with MailServer(script.url) as server:
        with pytest.raises((MailRefused, MailDelayed)) as raised:
            await server.send(mail_to("u1@example.test"))

    assert (type(raised.value), raised.value.alike) == (found, alike)


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
