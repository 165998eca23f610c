"""What fits into a mail's header."""

from __future__ import annotations

import pytest

from opsloop_notifications.mail.rules import (
    bounces,
    hold_seconds,
    is_answer,
    names_the_mail,
    one_line,
    readable,
    refuses,
    status_of,
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain text", "plain text"),
        ("支付 好", "支付 好"),
        ("a\r\nBcc: b@example.com", "a Bcc: b@example.com"),
        ("a\x00b\x1b[1m", "a b [1m"),
        ("  a \t  b  ", "a b"),
        ("\n", ""),
        ("", ""),
        ("👨\u200d👩\u200d👧 1", "👨\u200d👩\u200d👧 1"),
        ("❤\ufe0f 🏴\U000e0067\U000e0062\U000e007f", "❤\ufe0f 🏴\U000e0067\U000e0062\U000e007f"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("new in Unicode: \U0001fae8 \U0001fae9", "new in Unicode: \U0001fae8 \U0001fae9"),
        ("a\u3000b\u2028c\u0085d", "a b c d"),
        ("gpj.\u202eexe\u202c \u2067x\u2069", "gpj.exe x"),
    ],
)
def test_a_header_is_one_line_of_what_can_be_read(text: str, line: str):
    assert one_line(text) == line


def as_read(answer: bytes) -> str:
    """Return an answer as aiosmtplib gives it."""
    return answer.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"plain", "plain"),
        ("用户不存在".encode(), "用户不存在"),
        ("用户不存在".encode("gbk"), "用户不存在"),
        ("邮箱已满\n请稍后".encode("gb18030"), "邮箱已满 请稍后"),
        (b"a\x00b", "ab"),
        (b"half \xff", "half \ufffd"),
        (b"\x81", "\ufffd"),
        (b"", ""),
    ],
)
def test_whatever_bytes_a_server_says_can_be_read_and_stored(answer: bytes, words: str):
    assert readable(as_read(answer)) == words


@pytest.mark.parametrize(
    ("code", "answer", "does"),
    [
        (550, "5.1.1 no such user", True),
        (550, "5.1.10 null MX", True),
        (550, "5.2.1 disabled", True),
        (452, "4.2.2 mailbox full", True),
        (552, "too big", True),
        (554, "5.3.4 too big", True),
        (554, "5.6.0 cannot be read", True),
        (550, "no such user", False),
        (550, "5.1.8 bad sender", False),
        (550, "5.1.7 bad sender's syntax", False),
        (550, "5.1.20 is no state of these", False),
        (550, "5.4.5 quota", False),
        (550, "5.7.1 relaying denied", False),
        (554, "5.7.1 Client host blocked", False),
        (535, "5.7.8 bad credentials", False),
        (450, "5.1.1x", False),
    ],
)
def test_which_refusals_are_by_their_status_about_one_recipient_or_mail(code: int, answer: str, does: bool):
    assert names_the_mail(code, answer) is does


def test_what_says_no_in_smtp():
    assert [code for code in (-50, -1, 0, 25, 199, 250, 354, 399, 400, 421, 550, 599, 600, 999) if is_answer(code)] == [
        400,
        421,
        550,
        599,
    ]
    assert [code for code in (-1, 0, 250, 421, 499, 500, 599, 600) if refuses(code)] == [500, 599]


def test_a_status_has_no_words_and_holds_grow_to_a_quarter_of_an_hour():
    assert [status_of(550, "5.4.5 a@example.test"), status_of(554, "a@example.test")] == ["550 5.4.5", "554"]
    assert [hold_seconds(n) for n in (1, 2, 5, 6, 1_000)] == [30, 60, 480, 900, 900]


@pytest.mark.parametrize(
    ("status", "is_gone"),
    [
        ("550 5.1.1", True),
        ("550 5.1.2", True),
        ("550 5.1.3", True),
        ("551 5.1.6", True),
        ("556 5.1.10", True),
        ("550 5.2.1", True),
        ("550 5.2.2", False),
        ("550 5.1.8", False),
        ("550 5.7.1", False),
        ("550 5.1.11", False),
        ("550", False),
        ("450 5.1.1", False),
        ("450 4.1.1", False),
        ("settings", False),
        ("", False),
    ],
)
def test_a_bounce_is_an_address_that_is_not_there(status: str, is_gone: bool):
    assert bounces(status) is is_gone
