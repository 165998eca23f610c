"""Triage says why: each field's reason, the words it saw, and the number that comes of them."""

from __future__ import annotations

import pytest

from opsloop_feedback.triage import rules
from opsloop_feedback.triage.rules import triage


@pytest.mark.parametrize(
    ("text", "given", "kind", "sentiment", "reasons"),
    [
        ("Please add a dark mode", {}, "idea", 0.0, [("kind", "idea_words", ["please add"])]),
        ("How do I export my data?", {}, "question", 0.0, [("kind", "question_words", ["how do i"])]),
        ("?", {}, "question", 0.0, [("kind", "question_words", ["?"])]),
        ("The sky is blue", {}, "other", 0.0, [("kind", "nothing_matched", [])]),
        ("x", {"kind": "bug"}, "bug", 0.0, [("kind", "submitter", [])]),
        (
            "I love it, great work!!!",
            {},
            "praise",
            0.93,
            [("kind", "pleasant", ["love", "great"]), ("sentiment", "pleasant_words", ["love", "great"])],
        ),
        (
            "not great, not good, I hate it",
            {},
            "complaint",
            -0.92,
            [
                ("kind", "unpleasant", ["hate", "great", "good"]),
                ("sentiment", "unpleasant_words", ["hate"]),
                ("sentiment", "negated_words", ["great", "good"]),
            ],
        ),
        (
            "not good",
            {},
            "complaint",
            -0.44,
            [("kind", "unpleasant", ["good"]), ("sentiment", "negated_words", ["good"])],
        ),
        (
            "great",
            {"rating": 1},
            "other",
            -0.15,  # half what the word says, half what the stars say
            [
                ("kind", "nothing_matched", []),
                ("sentiment", "pleasant_words", ["great"]),
                ("sentiment", "rating", ["1"]),
            ],
        ),
        ("The sky is blue", {"rating": 5}, "praise", 0.8, [("kind", "pleasant", []), ("sentiment", "rating", ["5"])]),
        (
            "The sky is blue",
            {"rating": 1},
            "complaint",
            -0.8,
            [("kind", "unpleasant", []), ("sentiment", "rating", ["1"])],
        ),
        (
            "The sky is blue",
            {"rating": 3},
            "other",
            0.0,
            [("kind", "nothing_matched", []), ("sentiment", "rating", ["3"])],
        ),
        (
            "Great support, but the export is broken and the page fails",
            {},
            "bug",
            -0.16,
            [
                ("kind", "defect_words", ["broken", "fails"]),
                ("sentiment", "unpleasant_words", ["broken", "fails"]),
                ("sentiment", "pleasant_words", ["great"]),
            ],
        ),
        (
            "terrible, awful, horrible, useless!!!!!",
            {"rating": 1},
            "complaint",
            -0.99,
            [
                ("kind", "unpleasant", ["terrible", "awful", "horrible", "useless"]),
                ("sentiment", "unpleasant_words", ["terrible", "awful", "horrible", "useless"]),
                ("sentiment", "rating", ["1"]),
            ],
        ),
    ],
)
def test_each_field_says_why(text: str, given: dict, kind: str, sentiment: float, reasons: list):
    found = triage(text, **given)

    said = [(reason.field, reason.rule, list(reason.words)) for reason in found.reasons if reason.field != "severity"]
    assert (found.kind, found.sentiment, said) == (kind, sentiment, reasons)


@pytest.mark.parametrize(("marks", "sentiment"), [(0, 0.7), (1, 0.73), (2, 0.76), (3, 0.79), (9, 0.79)])
def test_three_exclamation_marks_are_heard(marks: int, sentiment: float):
    assert triage("great" + "!" * marks).sentiment == sentiment


@pytest.mark.parametrize(
    ("text", "severity", "rule", "words"),
    [
        ("I cannot log in, login fails with an error", "s2", "blocked", ["cannot log in", "login fails"]),
        ("Payment failed", "s1", "payment_failed", ["payment failed"]),
        ("All my data is gone", "s1", "data_loss", ["data is gone"]),
    ],
)
def test_the_severity_names_what_is_severe(text: str, severity: str, rule: str, words: list[str]):
    found = triage(text)

    [reason] = [reason for reason in found.reasons if reason.field == "severity"]
    assert (found.severity, reason.rule, list(reason.words)) == (severity, rule, words)


def test_the_document_is_the_result_in_words():
    assert triage("not good").document() == {
        "engine": rules.ENGINE,
        "kind": "complaint",
        "severity": "s3",
        "sentiment": -0.44,
        "language": "latin",
        "area": None,
        "confidence": 0.4,
        "reasons": [
            {"field": "kind", "rule": "unpleasant", "words": ["good"]},
            {"field": "severity", "rule": "default_of_complaint", "words": []},
            {"field": "sentiment", "rule": "negated_words", "words": ["good"]},
        ],
    }
