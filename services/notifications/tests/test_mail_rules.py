"""What fits into a mail's header."""

from __future__ import annotations

import pytest

from opsloop_notifications.mail.rules import one_line


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
