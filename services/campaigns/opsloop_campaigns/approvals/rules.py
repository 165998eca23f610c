"""Who may approve: somebody else than the people behind what is approved, unless the workspace allows that."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from enum import StrEnum

from opsloop_common.errors import Conflict


class Approval(StrEnum):
    """Whether a playbook may send by itself. `not_required`: each of its campaigns is approved on its own."""

    NOT_REQUIRED = "not_required"
    PENDING = "pending"
    APPROVED = "approved"


class SelfApproval(Conflict):
    """Somebody else than those who wrote it must approve it."""

    code, title = "self_approval", "Approval by the author"


def require_other_approver(hand: Set[str], writers: Collection[str], *, self_approval: bool) -> None:
    """Raise SelfApproval when the approver (with whom it is one hand) is among the writers, unless the workspace allows that."""
    if not self_approval and not hand.isdisjoint(writers):
        raise SelfApproval(
            "this is approved by somebody else than who wrote or edited it; a key that they made, and a key of the same source, "
            "is theirs. Ask somebody else, or have an admin set allow_self_approval "
            "in this service's workspace settings (PATCH /v1/workspace)"
        )


def with_writer(writers: Sequence[str], actor: str) -> list[str]:
    """Return the writers with one more, each once."""
    return [*writers, actor] if actor not in writers else list(writers)


def writers_of_copy(writers: Sequence[str], approved_by: str | None, actor: str) -> list[str]:
    """Return who stands behind a copy: who copies and, unless somebody else has approved the original, who wrote that."""
    seen_by_another = approved_by is not None and approved_by not in writers
    return with_writer([] if seen_by_another else writers, actor)


def approval_of(*, requires_approval: bool, approved_by: str | None) -> Approval:
    """Return where a playbook's own approval stands."""
    if requires_approval:
        return Approval.NOT_REQUIRED
    return Approval.PENDING if approved_by is None else Approval.APPROVED


def is_approved_by_writing(actor: str, writers: Collection[str], *, was_approved: bool, may_approve_own: bool) -> bool:
    """Say whether what `actor` has just written of a playbook is approved with that.

    An admin's word counts for what the admin wrote, never for what others wrote before it and nobody has approved.
    """
    return may_approve_own and (was_approved or set(writers) == {actor})
