"""Verdicts: what speaks for which kind, how sure that is, and how severe it makes a post."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.contracts.feedback import Kind
from opsloop_feedback.verdicts.patterns import Heard
from opsloop_feedback.verdicts.rules import (
    KINDS,
    NOTHING,
    Findings,
    Reason,
    confidence,
    feeling_of,
    kind_of,
    reason,
    scores_of,
    sentiment_of,
    severity_of,
)

WISH = Heard("wish", 2.0, "please add")
FAILURE = Heard("failure", 1.4, "doesn't print")
ASKS = Heard("asks", 0.9, "how can")


def kind(found: Findings, sentiment: float = 0.0, rating: int | None = None) -> str:
    return kind_of(found, scores_of(found, sentiment, rating))[0]


@pytest.mark.parametrize(
    ("found", "sentiment", "rating", "expected"),
    [
        (Findings(), 0.0, None, "other"),
        (Findings(defects=["broken"]), 0.0, None, "bug"),
        (Findings(fails=["cannot"]), 0.0, None, "bug"),
        (Findings(signs=[FAILURE]), 0.0, None, "bug"),
        (Findings(severe={"crash": ["crash"]}), -0.9, None, "bug"),
        (Findings(blocked=["cannot open"]), 0.0, None, "bug"),
        (Findings(ideas=["suggest"]), 0.0, None, "idea"),
        (Findings(signs=[WISH]), 0.0, None, "idea"),
        (Findings(questions=["how"]), 0.0, None, "question"),
        (Findings(question_marks=1), 0.0, None, "question"),
        (Findings(pleasant=["great"]), 0.7, None, "praise"),
        (Findings(unpleasant=["bad"]), -0.7, None, "complaint"),
        # one word no longer decides: several against it do
        (Findings(defects=["slow"], pleasant=["great", "love", "fast", "nice", "clean"]), 0.9, None, "praise"),
        (Findings(defects=["slow", "broken", "fails"], pleasant=["nice"]), 0.3, None, "bug"),
        (Findings(ideas=["suggest"], defects=["error"]), 0.0, None, "bug"),
        (Findings(ideas=["suggest"], signs=[WISH], defects=["error"]), 0.0, None, "idea"),
        (Findings(ideas=["hope"], unpleasant=["bad", "worst", "hate", "rude"]), -0.95, None, "complaint"),
        (Findings(questions=["how"], question_marks=1, signs=[ASKS], fails=["failed"]), -0.2, None, "question"),
        (Findings(questions=["why"], question_marks=1, severe={"payment_failed": ["gone"]}), -0.2, None, "bug"),
        (Findings(questions=["how"], question_marks=1, signs=[ASKS], blocked=["cannot open"]), -0.2, None, "bug"),
        # decoration is no question
        (Findings(question_marks=2), 0.0, None, "other"),
        (Findings(question_marks=3, unpleasant=["bad"]), -0.5, None, "complaint"),
        # stars are a prior
        (Findings(), 0.8, 5, "praise"),
        (Findings(), -0.8, 1, "complaint"),
        (Findings(signs=[Heard("failure", 1.1, "only shows")], pleasant=["great"]), 0.8, 5, "praise"),
        (Findings(signs=[Heard("failure", 1.1, "only shows")]), 0.2, None, "bug"),
        (Findings(severe={"crash": ["crash"]}, pleasant=["great"]), 0.8, 5, "bug"),
    ],
)
def test_what_speaks_loudest_is_the_kind(found: Findings, sentiment: float, rating: int | None, expected: str):
    assert kind(found, sentiment, rating) == expected


def test_the_kinds_are_those_of_the_contract():
    assert get_args(Kind) == KINDS
    assert set(scores_of(Findings(), 0.0, None)) == set(KINDS)
    assert scores_of(Findings(), 0.0, None)["other"] == NOTHING


def test_what_says_the_same_again_counts_less_and_only_so_far():
    scores = [scores_of(Findings(defects=["broken"] * count), 0.0, None)["bug"] for count in (1, 2, 3, 50)]

    assert scores == pytest.approx([1.7, 2.05, 2.4, 3.4])
    wishes = [scores_of(Findings(signs=[WISH] * count), 0.0, None)["idea"] for count in (1, 2, 50)]
    assert wishes == pytest.approx([2.0, 2.4, 3.8])


def test_the_strongest_shape_counts_whole():
    weak, strong = Heard("wish", 1.0, "more options"), Heard("wish", 2.4, "feature request")

    assert scores_of(Findings(signs=[weak, strong]), 0.0, None)["idea"] == pytest.approx(2.8)


@pytest.mark.parametrize(
    ("rating", "praise", "complaint"),
    [(None, 1.98, 0.0), (3, 1.98, 0.0), (4, 2.68, 0.0), (5, 3.38, 0.0), (1, 1.98, 0.0)],
)
def test_stars_strengthen_what_the_words_say(rating: int | None, praise: float, complaint: float):
    scores = scores_of(Findings(pleasant=["great"]), 0.8, rating)

    assert (scores["praise"], scores["complaint"]) == (pytest.approx(praise), pytest.approx(complaint))


def test_few_stars_strengthen_a_complaint():
    scores = [scores_of(Findings(unpleasant=["bad"]), -0.5, rating)["complaint"] for rating in (None, 3, 2, 1)]

    assert scores == pytest.approx([1.12, 1.12, 1.52, 1.92])


def test_feelings_between_are_neither_praise_nor_complaint():
    for sentiment in (-0.24, 0.0, 0.24):
        scores = scores_of(Findings(pleasant=["nice"], unpleasant=["bad"]), sentiment, None)
        assert scores["praise"] == scores["complaint"] == 0.0


@pytest.mark.parametrize(
    ("found", "sentiment", "rule", "words"),
    [
        (Findings(defects=["broken"], fails=["cannot"]), 0.0, "defect_words", ("broken", "cannot")),
        (Findings(severe={"crash": ["crash", "crash"]}), 0.0, "defect_words", ("crash",)),
        (Findings(signs=[FAILURE]), 0.0, "defect_words", ("doesn't print",)),
        (Findings(ideas=["suggest"], signs=[WISH]), 0.0, "idea_words", ("suggest",)),
        (Findings(signs=[WISH]), 0.0, "idea_words", ("please add",)),
        (Findings(questions=["how"]), 0.0, "question_words", ("how",)),
        (Findings(signs=[ASKS]), 0.0, "question_words", ("how can",)),
        (Findings(question_marks=1), 0.0, "question_words", ("?",)),
        (Findings(unpleasant=["bad"], negated=["good"]), -0.7, "unpleasant", ("bad", "good")),
        (Findings(pleasant=["good"], negated=["bad"]), 0.7, "pleasant", ("good", "bad")),
        (Findings(), 0.0, "nothing_matched", ()),
    ],
)
def test_the_kind_says_why(found: Findings, sentiment: float, rule: str, words: tuple[str, ...]):
    assert kind_of(found, scores_of(found, sentiment, None))[1] == Reason("kind", rule, words)


@pytest.mark.parametrize(
    ("found", "of", "severity", "rule"),
    [
        (Findings(severe={"security": ["leak"], "crash": ["crash"]}), "bug", "s1", "crash"),
        (Findings(severe={"security": ["leak"], "payment_failed": ["gone"]}), "question", "s1", "payment_failed"),
        (Findings(severe={"security": ["leak"]}, blocked=["x"]), "bug", "s1", "security"),
        (Findings(blocked=["cannot open"]), "bug", "s2", "blocked"),
        (Findings(blocked=["cannot open"], everybody=["everybody"]), "bug", "s1", "blocks_everybody"),
        (Findings(defects=["error"], urgent=["urgent"]), "bug", "s2", "widespread_or_urgent"),
        (Findings(fails=["cannot"], everybody=["everyone"]), "bug", "s2", "widespread_or_urgent"),
        (Findings(defects=["error"], urgent=["urgent"]), "idea", "s4", "default_of_idea"),
        (Findings(urgent=["urgent"]), "complaint", "s3", "default_of_complaint"),
        (Findings(defects=["typo"], trivial=["typo"]), "bug", "s4", "trivial"),
        (Findings(defects=["typo"], trivial=["typo"]), "complaint", "s3", "default_of_complaint"),
        (Findings(defects=["error"]), "bug", "s3", "default_of_bug"),
        (Findings(), "praise", "s4", "default_of_praise"),
        (Findings(), "other", "s4", "default_of_other"),
    ],
)
def test_the_severity_says_why(found: Findings, of: Kind, severity: str, rule: str):
    decided, why = severity_of(found, of)

    assert (decided, why.field, why.rule) == (severity, "severity", rule)


def test_a_reason_has_each_word_once_and_eight_at_most():
    assert reason("kind", "rule", ["a", "b", "a"]).words == ("a", "b")
    assert reason("kind", "rule", map(str, range(20))).words == tuple(map(str, range(8)))
    assert reason("kind", "rule", ["a"]).document() == {"field": "kind", "rule": "rule", "words": ["a"]}


SCORE = st.floats(-2, 12, allow_nan=False)


@given(st.fixed_dictionaries(dict.fromkeys(KINDS, SCORE)))
def test_all_are_sure_together_and_the_likeliest_most(scores: dict[Kind, float]):
    sure = {name: confidence(scores, name) for name in KINDS}

    assert sum(sure.values()) == pytest.approx(1, abs=0.04)
    assert max(sure.values()) == sure[max(KINDS, key=lambda name: scores[name])]
    assert all(0 <= each <= 1 for each in sure.values())


def test_nearly_equal_scores_are_unsure_and_far_ones_are_not():
    near = confidence({"bug": 2.0, "idea": 1.9, "question": 0, "complaint": 0, "praise": 0, "other": 0.5}, "bug")
    far = confidence({"bug": 6.0, "idea": 1.9, "question": 0, "complaint": 0, "praise": 0, "other": 0.5}, "bug")

    assert near < 0.55 < 0.99 <= far


@pytest.mark.parametrize(
    ("sum", "marks", "feeling"),
    [(0.0, 0, 0.0), (2.4, 0, 0.7), (2.4, 1, 0.73), (2.4, 3, 0.79), (2.4, 9, 0.79), (-2.4, 3, -0.79), (30.0, 0, 1.0)],
)
def test_a_sum_of_words_becomes_a_feeling(sum: float, marks: int, feeling: float):
    assert round(feeling_of(Findings(sum=sum, exclamation_marks=marks)), 2) == feeling


@pytest.mark.parametrize(
    ("found", "rating", "sentiment", "rules"),
    [
        (Findings(), None, 0.0, []),
        (Findings(sum=2.4, pleasant=["great"]), None, 0.7, ["pleasant_words"]),
        (Findings(sum=-2.4, unpleasant=["awful"]), None, -0.7, ["unpleasant_words"]),
        (Findings(sum=-1.2, negated=["good"]), None, -0.44, ["negated_words"]),
        # half by the words, half by the stars; by these alone where there are no words
        (Findings(sum=2.4, pleasant=["great"]), 5, 0.85, ["pleasant_words", "rating"]),
        (Findings(sum=2.4, pleasant=["great"]), 1, -0.15, ["pleasant_words", "rating"]),
        (Findings(), 5, 0.8, ["rating"]),
        (Findings(), 3, 0.0, ["rating"]),
        (Findings(), 1, -0.8, ["rating"]),
        (Findings(sum=1.5), 2, -0.4, ["rating"]),
    ],
)
def test_words_and_stars_make_a_sentiment(found: Findings, rating: int | None, sentiment: float, rules: list[str]):
    decided, reasons = sentiment_of(found, rating)

    assert (decided, [reason.rule for reason in reasons]) == (sentiment, rules)


@given(st.floats(-1e6, 1e6), st.integers(0, 99), st.one_of(st.none(), st.integers(1, 5)))
def test_a_sentiment_stays_within_its_bounds(sum: float, marks: int, rating: int | None):
    decided, _ = sentiment_of(Findings(sum=sum, exclamation_marks=marks, pleasant=["x"]), rating)

    assert -1 <= decided <= 1
