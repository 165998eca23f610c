"""What a mail server says, in whatever bytes, is kept; what it says about us holds the queue, and costs no mail a try."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_notifications.mail.holding import Hold
from opsloop_notifications.mail.service import MailRefused, MailServer, SessionRefused
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
