"""How long answers hold, and whose days a question means."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from opsloop_metrics.saved_insights.keeping import Answers
from opsloop_metrics.saved_insights.rules import ANSWER_SECONDS, InsightKind, zone_of

pytestmark = pytest.mark.quick
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("seconds", "holds"),
    [(0, True), (1, True), (ANSWER_SECONDS - 1, True), (ANSWER_SECONDS, False), (86_400, False), (-1, False)],
)
def test_an_answer_holds_for_a_minute(seconds, holds):
    answers = Answers[str]()
    answers.keep(ONE, 1, NOW, "an answer")

    found = answers.find(ONE, 1, NOW + timedelta(seconds=seconds))

    assert found == ((NOW, "an answer") if holds else None)


def test_another_version_and_another_insight_have_answers_of_their_own():
    answers = Answers[str]()
    answers.keep(ONE, 1, NOW, "first")
    answers.keep(TWO, 1, NOW, "other")

    assert answers.find(ONE, 2, NOW) is None
    answers.keep(ONE, 2, NOW, "second")
    assert [answers.find(*key, NOW) for key in ((ONE, 1), (ONE, 2), (TWO, 1))] == [
        (NOW, "first"),
        (NOW, "second"),
        (NOW, "other"),
    ]


def test_only_so_many_are_kept_and_the_oldest_goes_first():
    answers = Answers[int]()
    for number in range(500):
        answers.keep(UUID(int=number), 1, NOW, number)
    answers.keep(UUID(int=0), 1, NOW, -1)  # as new as can be now

    answers.keep(UUID(int=500), 1, NOW, 500)

    assert answers.find(UUID(int=0), 1, NOW) == (NOW, -1)
    assert answers.find(UUID(int=1), 1, NOW) is None
    assert answers.find(UUID(int=500), 1, NOW) == (NOW, 500)


@pytest.mark.parametrize(
    ("query", "zone"),
    [
        ({}, "UTC"),
        ({"time_zone": None}, "UTC"),
        ({"time_zone": "Asia/Shanghai"}, "Asia/Shanghai"),
        ({"time_zone": 7}, "UTC"),
    ],
)
def test_the_question_names_the_zone_or_the_workspace_does(query, zone):
    assert zone_of(query, "UTC") == zone


def test_kinds_are_the_last_steps_of_the_paths():
    assert {kind.value for kind in InsightKind} == {
        "trends",
        "active-users",
        "funnel",
        "retention",
        "lifecycle",
        "stickiness",
        "paths",
        "sessions",
        "experience",
        "attribution",
        "breakdown",
        "usage",
        "churn",
        "next-best",
        "revenue",
    }
