"""One spelling for search and triage, in time that grows with the text's length only."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest

from opsloop_feedback.triage.rules import triage
from opsloop_feedback.triage.words import fold

WORST = {
    "two classes of marks": "a" + "\u0301" * 25_000 + "\u0316" * 24_999,
    "classes in turn": "a" + "\u0301\u0316" * 24_999,
    "what becomes a mark": "\uff9e" * 50_000,
    "what becomes two marks": "\u0f73" * 50_000,
    "U+FDFA": "\ufdfa" * 50_000,
    "squared words": "\u3347" * 50_000,
    "Hangul": "\uac01" * 50_000,
    "full width": "支付失败，" * 10_000,
}


@pytest.mark.parametrize("text", WORST.values(), ids=WORST.keys())
def test_the_worst_text_of_50000_characters_is_folded_at_once(text: str):
    folded = fold(text)

    # it was 7.4 s. Twenty times as much takes about twenty times as long, and not four hundred times
    assert _seconds(text) < 60 * _seconds(text[: len(text) // 20])
    assert len(folded) <= 2 * len(text) + 20_000


def _seconds(text: str) -> float:
    """Return the processor time of the quickest of many foldings."""
    took = []
    for _ in range(5):
        began = time.thread_time()
        fold(text)
        took.append(time.thread_time() - began)
    return min(took)


def test_what_costs_a_normaliser_much_is_all_in_the_planes_that_are_looked_through():
    beyond = [chr(code) for code in range(0x20000, sys.maxunicode + 1)]

    assert [each for each in beyond if unicodedata.combining(each)] == []
    composed = {each: unicodedata.normalize("NFKD", each) for each in beyond if unicodedata.decomposition(each)}
    assert len(composed) > 500
    assert [each for each, parts in composed.items() if len(parts) > 1 or unicodedata.combining(parts)] == []


def test_short_texts_are_folded_as_ever():
    for text in ("ＡＢＣ１２３", "ﬁne", "é", "ﷺ", "支付失敗", "Straße", "한국어"):
        plain = unicodedata.normalize("NFKC", text).lower()
        assert fold(text) in (plain, "支付失败")


def test_what_somebody_wrote_with_many_marks_is_found_and_sorted():
    zalgo = "the app c" + "\u0301\u0316" * 40 + "rashes " + "and it crashes. " * 100

    assert fold("crashes") in fold(zalgo)
    assert fold("c" + "\u0301\u0316" * 15)[:5] in fold(zalgo)
    assert triage("支付失败" + "\u0301" * 40_000).severity == "s1"
