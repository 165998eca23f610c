"""Texts of others inside a message: one line each, cut between characters as people see them, and never read as markup."""

from __future__ import annotations

import re
import unicodedata

CUT = "…"
_JOINER = "\u200d"
_INDICATORS = range(0x1F1E6, 0x1F200)
_MODIFIERS = range(0x1F3FB, 0x1F400)
_TAGS = range(0xE0020, 0xE0080)
_VOWELS_AND_FINALS = range(0x1160, 0x1200)  # of Hangul that is written in parts
_BLANKS = re.compile(r"\s+")
# control characters, and what turns the direction of all that follows
_NOT_SHOWN = re.compile(
    r"(?!\s)[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\ud800-\udfff]"
)
_MARKUP = str.maketrans({mark: chr(ord(mark) + 0xFEE0) for mark in "<>[]`*~|\\@"})


def one_line(text: str) -> str:
    """Return a text as one line of what is shown: no control characters, nothing that turns what comes after it."""
    return _BLANKS.sub(" ", _NOT_SHOWN.sub("", text)).strip()


def without_markup(text: str) -> str:
    """Return a text in which Markdown's signs, tags and mentions are their wide forms, which nobody reads as more than signs.

    Bots of DingTalk and WeCom know no way to escape them.
    """
    return text.translate(_MARKUP)


def cut(text: str, most: int) -> str:
    """Return the first characters of a text, of so many code points at most with the sign that it was cut."""
    if len(text) <= most:
        return text
    return text[: _boundary(text, most - len(CUT))] + CUT


def cut_bytes(text: str, most: int) -> str:
    """Return the first characters of a text, of so many bytes of UTF-8 at most with the sign that it was cut."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    fitting = len(raw[: max(0, most - len(CUT.encode()))].decode(errors="ignore"))
    return text[: _boundary(text, fitting)] + CUT


def _boundary(text: str, at: int) -> int:
    """Return the last place up to `at` where one character as people see it ends and another begins."""
    at = max(0, at)
    while 0 < at < len(text) and _is_within(text, at):
        at -= 1
    return at


def _is_within(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    code = ord(after)
    if before == _JOINER or after == _JOINER or code in _MODIFIERS or code in _TAGS or code in _VOWELS_AND_FINALS:
        return True
    if unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    if code in _INDICATORS and ord(before) in _INDICATORS:
        return _indicators_before(text, at) % 2 == 1
    return False


def _indicators_before(text: str, at: int) -> int:
    begin = at
    while begin > 0 and ord(text[begin - 1]) in _INDICATORS:
        begin -= 1
    return at - begin
