"""What may become of a reminder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import FieldError, IllegalTransition, Invalid
from opsloop_common.testing.sample.reminders import rules
from opsloop_common.testing.sample.reminders.rules import ReminderStatus

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("current", "wanted", "may"),
    [
        (ReminderStatus.WAITING, ReminderStatus.DONE, True),
        (ReminderStatus.RUNG, ReminderStatus.WAITING, True),
        (ReminderStatus.DONE, ReminderStatus.WAITING, True),
        (ReminderStatus.DONE, ReminderStatus.DONE, False),
        (ReminderStatus.WAITING, ReminderStatus.RUNG, False),
        (ReminderStatus.RUNG, ReminderStatus.RUNG, False),
    ],
)
def test_which_status_may_follow(current, wanted, may):
    if may:
        rules.require_transition(current, wanted)
    else:
        with pytest.raises(IllegalTransition, match=f"^{current} cannot become {wanted}; allowed: "):
            rules.require_transition(current, wanted)


@given(st.sampled_from(ReminderStatus), st.lists(st.sampled_from(ReminderStatus), max_size=8))
def test_nobody_s_wishes_make_one_ring(status, wishes):
    has_rung = status is ReminderStatus.RUNG
    for wanted in wishes:
        if wanted in rules.TRANSITIONS[status]:
            rules.require_transition(status, wanted)
            status = wanted
            has_rung = False
        else:
            with pytest.raises(IllegalTransition) as refused:
                rules.require_transition(status, wanted)
            assert refused.value.extra["allowed"] == sorted(rules.TRANSITIONS[status])

    assert (status is ReminderStatus.RUNG) == has_rung


def test_every_status_says_what_may_follow():
    assert set(rules.TRANSITIONS) == set(ReminderStatus)
    assert all(status not in following for status, following in rules.TRANSITIONS.items())


def test_a_time_that_has_passed_is_refused():
    rules.require_ahead(NOW + timedelta(microseconds=1), NOW)
    with pytest.raises(Invalid) as refused:
        rules.require_ahead(NOW, NOW)
    assert refused.value.errors == (FieldError("/remind_at", "has passed"),)
