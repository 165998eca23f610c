"""Who may approve, without a database."""

from __future__ import annotations

import pytest

from opsloop_campaigns.approvals import rules
from opsloop_campaigns.approvals.rules import Approval


@pytest.mark.parametrize(
    ("hand", "writers", "self_approval", "refused"),
    [
        ({"b"}, ["a"], False, False),
        ({"a"}, ["a"], False, True),
        ({"b", "a"}, ["a", "c"], False, True),
        ({"a"}, ["a"], True, False),
        ({"a"}, [], False, False),
    ],
)
def test_another_hand_approves_unless_the_workspace_allows_ones_own(hand, writers, self_approval: bool, refused: bool):
    if not refused:
        rules.require_other_approver(hand, writers, self_approval=self_approval)
        return

    with pytest.raises(rules.SelfApproval) as error:
        rules.require_other_approver(hand, writers, self_approval=self_approval)

    assert error.value.detail == (
        "this is approved by somebody else than who wrote or edited it; a key that they made, and a key of the same source, "
        "is theirs. Ask somebody else, or have an admin set allow_self_approval "
        "in this service's workspace settings (PATCH /v1/workspace)"
    )


@pytest.mark.parametrize(
    ("writers", "actor", "expected"), [([], "a", ["a"]), (["a"], "b", ["a", "b"]), (["a", "b"], "a", ["a", "b"])]
)
def test_each_writer_is_named_once(writers: list[str], actor: str, expected: list[str]):
    assert rules.with_writer(writers, actor) == expected


@pytest.mark.parametrize(
    ("writers", "approved_by", "expected"),
    [
        (["a", "b"], None, ["a", "b", "c"]),
        (["a", "b"], "d", ["c"]),
        (["a", "b"], "b", ["a", "b", "c"]),
        (["a", "c"], None, ["a", "c"]),
    ],
)
def test_who_copies_stands_behind_what_nobody_else_has_seen(
    writers: list[str], approved_by: str | None, expected: list[str]
):
    assert rules.writers_of_copy(writers, approved_by, "c") == expected


@pytest.mark.parametrize(
    ("requires", "approved_by", "approval"),
    [
        (True, None, Approval.NOT_REQUIRED),
        (True, "a", Approval.NOT_REQUIRED),
        (False, None, Approval.PENDING),
        (False, "a", Approval.APPROVED),
    ],
)
def test_a_playbooks_own_approval(requires: bool, approved_by: str | None, approval: Approval):
    assert rules.approval_of(requires_approval=requires, approved_by=approved_by) is approval


@pytest.mark.parametrize(
    ("writers", "was_approved", "may", "approved"),
    [
        (["a"], False, True, True),
        (["a"], False, False, False),
        (["a", "b"], False, True, False),
        (["a", "b"], True, True, True),
        (["a", "b"], True, False, False),
        (["b"], False, True, False),
    ],
)
def test_an_admins_word_counts_for_the_admins_own(writers: list[str], was_approved: bool, may: bool, approved: bool):
    assert rules.is_approved_by_writing("a", writers, was_approved=was_approved, may_approve_own=may) is approved
