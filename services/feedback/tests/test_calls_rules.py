"""What a call may have been."""

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_common.errors import Invalid
from opsloop_feedback.calls.rules import AHEAD, SPOKEN, CallOutcome, require_possible

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def call(**fields):
    least = {"started_at": NOW, "duration_seconds": 0, "outcome": "answered", "callback_due_at": None}
    return least | {"called_back_at": None} | fields


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"started_at": NOW + AHEAD},
        {"duration_seconds": 5},
        {"outcome": "voicemail", "duration_seconds": 5},
        {"outcome": "missed"},
        {"callback_due_at": NOW + AHEAD * 9},
        {"callback_due_at": NOW - AHEAD * 9},
        {"callback_due_at": NOW, "called_back_at": NOW + AHEAD},
    ],
)
def test_what_may_be(fields):
    require_possible(call(**fields), NOW)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"started_at": NOW + AHEAD + SECOND}, "/started_at"),
        ({"callback_due_at": NOW, "called_back_at": NOW + AHEAD + SECOND}, "/called_back_at"),
        ({"called_back_at": NOW}, "/called_back_at"),
        *(
            ({"outcome": str(each), "duration_seconds": 1}, "/duration_seconds")
            for each in CallOutcome
            if each not in SPOKEN
        ),
    ],
)
def test_what_may_not_be(fields, pointer):
    with pytest.raises(Invalid) as refused:
        require_possible(call(**fields), NOW)
    assert refused.value.errors[0].pointer == pointer


@pytest.mark.parametrize("outcome", list(CallOutcome))
def test_nobody_speaks_for_a_while_where_nobody_answered(outcome):
    spoken = call(outcome=str(outcome), duration_seconds=86_400)
    if outcome in SPOKEN:
        require_possible(spoken, NOW)
        return
    with pytest.raises(Invalid):
        require_possible(spoken, NOW)


def test_a_clock_may_be_ahead_by_minutes_alone():
    assert SECOND < AHEAD < timedelta(hours=1)
