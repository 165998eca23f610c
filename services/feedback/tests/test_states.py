"""Which state may follow which, as a table; that the door holds to it stands in test_items.py."""

from __future__ import annotations

import pytest

from opsloop_common.errors import IllegalTransition
from opsloop_feedback.states.rules import FINISHED, TRANSITIONS, Status, after_answer, after_reply, require_transition

AT_WORK = {"open", "pending", "snoozed", "resolved", "closed"}
MAY_FOLLOW = {
    "new": AT_WORK,
    "open": AT_WORK - {"open"},
    "pending": AT_WORK - {"pending"},
    "snoozed": AT_WORK - {"snoozed"},
    "resolved": {"open", "closed"},
    "closed": {"open"},
    "merged": set(),
}


def test_every_state_is_in_the_table():
    assert [status.value for status in Status] == list(MAY_FOLLOW)
    assert TRANSITIONS.keys() == set(Status)


@pytest.mark.parametrize("wanted", Status)
@pytest.mark.parametrize("current", Status)
def test_a_state_follows_as_the_table_says(current: Status, wanted: Status):
    if wanted.value in MAY_FOLLOW[current.value]:
        require_transition(current, wanted)
        return

    with pytest.raises(IllegalTransition) as refusal:
        require_transition(current, wanted)

    assert refusal.value.extra["allowed"] == sorted(MAY_FOLLOW[current.value])


def test_what_is_resolved_or_closed_is_finished():
    assert {status.value for status in FINISHED} == {"resolved", "closed"}


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("wanted", list(Status))
def test_states_follow_the_table(current: Status, wanted: Status):
    if wanted in TRANSITIONS[current]:
        require_transition(current, wanted)
        return

    with pytest.raises(IllegalTransition) as refused:
        require_transition(current, wanted)

    assert refused.value.extra == {"current": current, "allowed": sorted(TRANSITIONS[current])}
    assert refused.value.detail.startswith(f"{current} cannot become {wanted}; allowed: ")


@pytest.mark.parametrize("current", list(Status))
def test_a_reply_opens_what_was_new(current: Status):
    assert after_reply(current) is (Status.OPEN if current is Status.NEW else current)


@pytest.mark.parametrize("current", list(Status))
def test_who_answers_wakes_what_waited_and_what_was_finished(current: Status):
    stays = current in (Status.NEW, Status.MERGED)
    assert after_answer(current) is (current if stays else Status.OPEN)


def test_what_was_merged_leads_nowhere():
    assert not TRANSITIONS[Status.MERGED]
