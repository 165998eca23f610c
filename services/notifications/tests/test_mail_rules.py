"""What fits into a mail's header."""

from __future__ import annotations

import pytest

from opsloop_notifications.mail.rules import hold_seconds, is_of_the_session, one_line, readable, status_of


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
    ("code", "answer", "before", "after"),
    [
        (554, "no", True, False),
        (550, "5.4.5 quota", True, True),
        (530, "sign in", True, True),
        (535, "5.7.8 bad credentials", True, True),
        (550, "5.1.1 no such user", True, False),
        (550, "5.4.50 is another state", True, False),
        (552, "too big", False, False),
        (550, "5.6.7 letters", False, False),
        (450, "4.4.5 later", False, False),
        (-1, "is no answer", False, False),
        (999, "neither", False, False),
    ],
)
def test_whom_a_refusal_is_about(code: int, answer: str, before: bool, after: bool):
    assert is_of_the_session(code, answer, names_somebody=False) is before
    assert is_of_the_session(code, answer, names_somebody=True) is after


def test_a_status_has_no_words_and_holds_grow_to_a_quarter_of_an_hour():
    assert [status_of(550, "5.4.5 a@example.test"), status_of(554, "a@example.test")] == ["550 5.4.5", "554"]
    assert [hold_seconds(n) for n in (1, 2, 5, 6, 1_000)] == [30, 60, 480, 900, 900]
