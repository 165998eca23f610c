"""Text as triage and search see it: one spelling for full-width and half-width, upper and lower case, traditional and simplified.

What nobody sees is left out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import rjieba

from opsloop_common.invisible import comparable
from opsloop_common.limits import EXPANDING_CHARACTERS, MARKS_IN_A_ROW
from opsloop_feedback.triage.traditional import SIMPLIFIED

_APOSTROPHES = {ord("’"): "'", ord("‘"): "'", ord("ʼ"): "'", ord("＇"): "'"}
_FOLDED = SIMPLIFIED | _APOSTROPHES
HAN = "\u3400-\u9fff"
_TOKEN = re.compile(
    rf"[{HAN}]+|[a-z\u00e0-\u024f]+(?:'[a-z]+)*|\d+|[$€£¥]|[\U0001f300-\U0001faff\u2600-\u27bf]|[.,;:!?…、。，；：！？~\n]|[:;]-?[()]"
)
BREAKS = frozenset(".,;:!?…、。，；：！？~\n")


class _Costly(NamedTuple):
    """What costs a normaliser much."""

    run_of_marks: re.Pattern[str]
    expanding: re.Pattern[str]


@cache  # for the first long text: it is a tenth of a second's work
def _costly() -> _Costly:
    # the highest mark is U+1E94A, the highest character that expands into three U+1F248; U+FF9E is no mark but becomes one
    assigned = [chr(code) for code in range(0x80, 0x20000) if not 0xAC00 <= code <= 0xDFFF]
    composed = {each: unicodedata.normalize("NFKD", each) for each in assigned if unicodedata.decomposition(each)}
    marks = {each for each in assigned if unicodedata.combining(each)}
    marks |= {each for each, parts in composed.items() if unicodedata.combining(parts[0])}
    mark = _class_of(marks)
    return _Costly(
        re.compile(f"{mark}{{{MARKS_IN_A_ROW}}}(?={mark})"),
        re.compile(_class_of(each for each, parts in composed.items() if len(parts) > 2)),
    )


def _class_of(characters: Iterable[str]) -> str:
    return "[" + "".join(f"\\U{ord(each):08x}" for each in sorted(characters)) + "]"


_GRAPHEME_JOINER = "\u034f"
SHORT_CHARACTERS = 1_000


def fold(text: str) -> str:
    """Return `text` in the spelling that lexicons, search columns and queries share, in time that grows with its length only.

    A normaliser sorts each run of combining marks, 7.4 s for 50,000 of them: the Stream-Safe Text Format (UAX #15) divides it.
    Text that would grow without measure (100 ms and 18-fold for 50,000 times U+FDFA) keeps its compatibility characters.
    """
    if text.isascii():
        return text.lower()
    text = comparable(text)
    if len(text) <= SHORT_CHARACTERS:  # at worst 1.6 ms; looking for marks would double the cost of every post
        text = unicodedata.normalize("NFKC", text)
    elif len(_costly().expanding.findall(text)) <= EXPANDING_CHARACTERS:
        text = unicodedata.normalize("NFKC", _costly().run_of_marks.sub(f"\\g<0>{_GRAPHEME_JOINER}", text))
    return text.lower().translate(_FOLDED)


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
