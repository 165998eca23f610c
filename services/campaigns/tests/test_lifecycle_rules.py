"""The life of a campaign, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsloop_campaigns.budgets.rules import HeldBy
from opsloop_campaigns.lifecycle import rules
from opsloop_campaigns.lifecycle.rules import Behind, Status
from opsloop_common.errors import Conflict, FieldError, IllegalTransition
from opsloop_common.ids import uuid7

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize("current", list(Status))
@pytest.mark.parametrize("wanted", list(Status))
def test_a_person_moves_a_campaign_as_the_table_says(current: Status, wanted: Status):
    if wanted in rules.TRANSITIONS[current]:
        rules.require_transition(current, wanted)
        return

    with pytest.raises(IllegalTransition) as refused:
        rules.require_transition(current, wanted)

    assert refused.value.extra == {"current": current, "allowed": sorted(rules.TRANSITIONS[current])}
    assert str(current) in refused.value.detail
    assert str(wanted) in refused.value.detail


@pytest.mark.parametrize("status", list(Status))
def test_what_has_begun_or_ended_stays_as_it_is(status: Status):
    if status in {Status.DRAFT, Status.PENDING_APPROVAL, Status.APPROVED, Status.SCHEDULED}:
        rules.require_editable(status)
        return

    with pytest.raises(rules.NotEditable) as refused:
        rules.require_editable(status)

    assert refused.value.detail == f"a campaign that is {status} can no longer be edited; make a new one"
    assert refused.value.extra == {"editable": ["approved", "draft", "pending_approval", "scheduled"]}


@pytest.mark.parametrize("status", list(Status))
def test_only_drafts_are_deleted(status: Status):
    if status is Status.DRAFT:
        rules.require_deletable(status)
        return

    with pytest.raises(Conflict) as refused:
        rules.require_deletable(status)

    assert refused.value.detail == "only drafts can be deleted; cancel or archive it instead"
    assert refused.value.extra == {"current": status, "allowed": sorted(rules.TRANSITIONS[status])}


@pytest.mark.parametrize("status", sorted(rules.EDITABLE))
@pytest.mark.parametrize("is_complete", [True, False])
def test_an_edit_takes_the_approval_away(status: Status, is_complete: bool):
    draft = status is Status.DRAFT or not is_complete

    assert rules.status_after_edit(status, is_complete=is_complete) is (
        Status.DRAFT if draft else Status.PENDING_APPROVAL
    )


NOBODY = FieldError("/audience/user_ids", "nobody is addressed")
NOTHING = FieldError("/messages", "there is no message")


@pytest.mark.parametrize(
    ("size", "messages", "errors"),
    [(1, ["m"], []), (0, ["m"], [NOBODY]), (1, [], [NOTHING]), (0, [], [NOBODY, NOTHING])],
)
def test_something_is_said_to_somebody(size: int, messages: list[str], errors: list[FieldError]):
    assert rules.missing(size, messages) == errors
    if not errors:
        rules.require_complete(size, messages)
        return

    with pytest.raises(rules.Incomplete) as refused:
        rules.require_complete(size, messages)

    assert refused.value.detail == "the campaign is not complete"
    assert list(refused.value.errors) == errors


@pytest.mark.parametrize(
    ("ahead", "detail", "error"),
    [
        (None, "a scheduled campaign needs a start", "is not set"),
        (0, "the start has passed", "has passed: move it or start now"),
        (-1, "the start has passed", "has passed: move it or start now"),
    ],
)
def test_a_start_that_is_missing_or_past_is_refused(ahead: int | None, detail: str, error: str):
    start = None if ahead is None else NOW + timedelta(seconds=ahead)

    with pytest.raises(rules.Incomplete) as refused:
        rules.require_start_ahead(start, NOW)

    assert refused.value.detail == detail
    assert list(refused.value.errors) == [FieldError("/schedule_at", error)]


def test_a_start_ahead_is_taken():
    assert rules.require_start_ahead(NOW + timedelta(seconds=1), NOW) == NOW + timedelta(seconds=1)


def test_a_fingerprint_knows_people_not_their_order():
    assert rules.fingerprint(["a", "b"]) == rules.fingerprint(["b", "a"])
    assert rules.fingerprint(["a", "b"]) != rules.fingerprint(["ab"])
    assert rules.fingerprint(["a"]) != rules.fingerprint(["b"])
    assert rules.fingerprint(["é"]) == "6133f2d2dc6cad8dbbfc80f0fb587d3e61469954c82d906cce85239e4c6c8bbd"


@pytest.mark.parametrize(
    ("requires", "held", "waits"),
    [(False, None, False), (True, None, True), (False, HeldBy.CAUSE_BUDGET, True), (True, HeldBy.CAUSE_BUDGET, True)],
)
def test_who_must_be_asked(requires: bool, held: HeldBy | None, waits: bool):
    behind = Behind(
        playbook_id=uuid7(),
        incident_id=None,
        author="a",
        edited_by="a",
        writers=["a"],
        approved_by=None,
        approved_at=None,
        requires_approval=requires,
        held_by=held,
        is_told=False,
    )

    assert behind.waits is waits


def test_a_campaign_can_reach_every_status():
    reached = {Status.DRAFT}
    while more := {after for before in reached for after in rules.TRANSITIONS[before]} - reached:
        reached |= more

    assert reached == set(Status) - {Status.FINISHED}
