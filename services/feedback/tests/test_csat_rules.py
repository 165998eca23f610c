"""Rules of CSAT: what is a score and a comment, how sure a share is, and in which words is asked."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import Conflict, Gone, Invalid
from opsloop_feedback.csat import rules
from opsloop_feedback.csat.rules import Answers

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # by hand, z = 1.96: (p + z²/2n ∓ z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)
    [(0, 1, 0.0, 0.7935), (1, 1, 0.2065, 1.0), (2, 3, 0.2077, 0.9385), (81, 263, 0.2553, 0.3662)],
)
def test_a_share_lies_where_wilson_says(part, whole, low, high):
    assert rules.share_within(part, whole) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 10_000).flatmap(lambda whole: st.tuples(st.integers(0, whole), st.just(whole))))
def test_a_share_lies_between_its_limits(of):
    low, high = rules.share_within(*of)
    assert 0 <= low <= of[0] / of[1] <= high <= 1


@pytest.mark.parametrize("text", ["", "0", "6", "55", " 5", "٥", "5.0", "-1", "x"])
def test_what_is_no_score(text):
    with pytest.raises(Invalid):
        rules.read_score(text)


def test_a_comment_is_without_what_nobody_said():
    assert rules.read_comment(" \r\n ") is None
    assert rules.read_comment(" a\r\nb ") == "a\nb"
    assert rules.read_comment("x" * 2_000) == "x" * 2_000
    with pytest.raises(Invalid):
        rules.read_comment("x" * 2_001)
    assert [rules.read_score(each) for each in "12345"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("resolved", "answered", "refusal"),
    [
        (NOW, None, None),
        (NOW - 90 * DAY, None, None),
        (NOW - 91 * DAY, None, Gone),
        (NOW - 2 * DAY, NOW - DAY, None),
        (NOW - 2 * DAY, NOW - DAY - timedelta(seconds=1), Conflict),
        (NOW - 100 * DAY, NOW - 99 * DAY, Conflict),
    ],
)
def test_how_long_something_may_be_answered(resolved, answered, refusal):
    if refusal is None:
        rules.require_answerable(NOW, resolved_at=resolved, answered_at=answered)
        return
    with pytest.raises(refusal):
        rules.require_answerable(NOW, resolved_at=resolved, answered_at=answered)


@pytest.mark.parametrize(
    ("status", "resolved_at", "holds"),
    [
        ("resolved", NOW, True),
        ("closed", NOW, True),
        ("closed", None, False),
        ("open", NOW, False),
        ("merged", NOW, False),
    ],
)
def test_which_resolution_holds(status, resolved_at, holds):
    assert rules.is_resolved(status, resolved_at) is holds


@pytest.mark.parametrize(
    ("locale", "words"), [("zh-CN", "满意"), ("ZH", "满意"), ("en", "satisfied"), ("fr", "satisfied")]
)
def test_the_question_is_asked_in_the_language_of_the_post(locale, words):
    subject, body = rules.mail(
        locale, number=7, title="{url} {x}", url="https://ops.example.test/q", is_answered_to=False
    )

    assert "[#7]" in subject
    assert words in body
    assert "{url} {x}" in body
    assert "https://ops.example.test/q" in body


def test_a_title_is_one_short_line():
    assert rules.short_title(" a\n b ", "body") == "a b"
    assert rules.short_title(None, "x" * 80) == "x" * 80
    assert rules.short_title(None, "x" * 81) == "x" * 79 + "…"


def test_groups_are_joined_and_who_has_none_comes_last():
    found = rules.joined({None: (1, 5, 1), "b": (2, 6, 1)}, {"a": (3, 0), "b": (4, 2)})

    assert list(found) == ["a", "b", None]
    assert found["b"] == Answers(n=2, total=6, satisfied=1, asked=4, answered_of_asked=2)
    assert (found["b"].score, found["b"].share, found["b"].response_rate) == (3.0, 0.5, 0.5)
    nobody = found["a"]
    assert (nobody.score, nobody.share, nobody.share_low, nobody.share_high) == (None, None, None, None)
    assert nobody.response_rate == 0.0
    assert Answers().response_rate is None
    assert rules.together(found.values()) == Answers(n=3, total=11, satisfied=2, asked=7, answered_of_asked=2)
