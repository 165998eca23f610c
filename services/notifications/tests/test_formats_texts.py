"""Texts of others inside a message: one line, cut between characters, read as nothing but text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_notifications.formats.texts import CUT, cut, cut_bytes, one_line, without_markup

FAMILY = "👨‍👩‍👧"
"""Five code points that people see as one."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\n c\t", "a b c"),
        ("\x00a\x1b[31mb\x7f", "a[31mb"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\u2066a\u2069", "a"),
        ("a\ud800b", "ab"),
        (" 支付　失败 ", "支付 失败"),
        (FAMILY, FAMILY),
    ],
)
def test_one_line(text, shown):
    assert one_line(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[click](http://x)", "［click］(http://x)"),
        ("<@all> <!channel> @all", "＜＠all＞ ＜!channel＞ ＠all"),
        ("**b** `c` ~d~ a|b \\*", "＊＊b＊＊ ｀c｀ ～d～ a｜b ＼＊"),
        ("payment_success ≥ 5 %", "payment_success ≥ 5 %"),
    ],
)
def test_markup_is_no_markup(text, shown):
    assert without_markup(text) == shown


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("支付失败", 3, "支付…"),
        (f"a{FAMILY}b", 4, "a…"),
        (f"a{FAMILY}bc", 7, f"a{FAMILY}…"),
        ("e\u0301" * 4, 5, "e\u0301e\u0301…"),
        ("e\u0301" * 4, 4, "e\u0301…"),
        ("🇨🇳🇩🇪🇫🇷", 4, "🇨🇳…"),
        ("👍🏽👍🏽", 3, "👍🏽…"),
        ("\u1100\u1161\u11a8" * 2, 5, "\u1100\u1161\u11a8…"),
        ("e" + "\u0301" * 50, 10, "…"),
        ("abc", 0, "…"),
    ],
)
def test_cut_is_between_characters(text, most, shown):
    assert cut(text, most) == shown


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [("支付失败", 12, "支付失败"), ("支付失败", 11, "支付…"), ("😀😀", 7, "😀…"), ("🇨🇳🇩🇪", 14, "🇨🇳…"), ("支", 2, "…")],
)
def test_cut_counts_bytes(text, most, shown):
    assert cut_bytes(text, most) == shown


@given(st.text(max_size=60), st.integers(1, 40))
def test_what_is_cut_fits_and_begins_as_the_text(text, most):
    text = text.encode(errors="ignore").decode()

    assert len(cut(text, most)) <= most
    assert len(cut_bytes(text, most + 2).encode()) <= most + 2
    for shown in (cut(text, most), cut_bytes(text, most + 2)):
        assert shown == text or text.startswith(shown.removesuffix(CUT))


def test_a_long_row_of_marks_takes_no_time():
    text = "e" + "\u0301" * 100_000

    assert cut(text, 99_999) == CUT


def test_flags_of_many_countries_are_cut_in_pairs():
    assert cut("🇨🇳" * 1_000, 100) == "🇨🇳" * 49 + CUT
