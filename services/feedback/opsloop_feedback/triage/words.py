"""Text as triage and search see it: one spelling for full-width and half-width, upper and lower case, traditional and simplified."""

from __future__ import annotations

import re
import unicodedata

import rjieba

from opsloop_feedback.triage.traditional import SIMPLIFIED

_APOSTROPHES = {ord("’"): "'", ord("‘"): "'", ord("ʼ"): "'", ord("＇"): "'"}
_FOLDED = SIMPLIFIED | _APOSTROPHES
HAN = "\u3400-\u9fff"
_TOKEN = re.compile(
    rf"[{HAN}]+|[a-z\u00e0-\u024f]+(?:'[a-z]+)*|\d+|[\U0001f300-\U0001faff\u2600-\u27bf]|[.,;:!?…、。，；：！？~\n]|[:;]-?[()]"
)
BREAKS = frozenset(".,;:!?…、。，；：！？~\n")


def fold(text: str) -> str:
    """Return `text` in the spelling that lexicons, search columns and queries share."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).lower().translate(_FOLDED)


def tokens(folded: str) -> list[str]:
    """Split folded text into Latin words, runs of Chinese characters, numbers, emoji and clause marks."""
    return _TOKEN.findall(folded)


def is_han(token: str) -> bool:
    """Say whether a token is a run of Chinese characters."""
    return "\u3400" <= token[0] <= "\u9fff"


def segments(run: str) -> list[str]:
    """Cut a run of Chinese characters into dictionary words.

    Without the hidden Markov model: it invents words such as 不卡, which hides the negation.
    """
    return rjieba.cut(run, False) if len(run) > 1 else [run]
