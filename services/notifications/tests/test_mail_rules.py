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
    ],
)
def test_a_header_is_one_line_of_what_can_be_read(text: str, line: str):
    assert one_line(text) == line
