"""The life of a campaign: which state leads to which, who may approve, what may still be edited."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from opsloop_campaigns.budgets.rules import HeldBy
from opsloop_common.errors import Conflict, FieldError, IllegalTransition

START = "campaigns.start"
"""Kind of the due work that launches a scheduled campaign; its key is the campaign's id."""
CHUNK = "campaigns.chunk"
"""Kind of the due work that tells the next people of a launched one; its key is the campaign's id."""


class Status(StrEnum):
    """Where a campaign is in its life."""

    DRAFT = "draft"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class OnTheWay:
    """A locked campaign, as those who send it need it."""

    campaign_id: UUID
    status: Status
    audience_size: int
    messages: Sequence[Mapping[str, str]]
    message_id: UUID
    requested_through: str
    """In the order of user ids, everybody up to here was requested."""
    cause: Mapping[str, Any]
    """The inherited part of the context, for what the service does by itself after the launch."""


@dataclass(frozen=True)
class Behind:
    """The playbook that wants a campaign, the people who stand behind it, and why it waits for a person, if it does."""

    playbook_id: UUID
    incident_id: str | None
    author: str
    edited_by: str
    writers: Sequence[str]
    approved_by: str | None
    approved_at: datetime | None
    requires_approval: bool
    held_by: HeldBy | None
    is_told: bool
    """Whether an event asks for the approval."""

    @property
    def waits(self) -> bool:
        """Say whether a person must approve the campaign before it runs."""
        return self.requires_approval or self.held_by is not None


# What a person may ask for. `finished` is in nobody's row: only the last recipient's outcome finishes a campaign.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.PENDING_APPROVAL, Status.ARCHIVED}),
    Status.PENDING_APPROVAL: frozenset({Status.APPROVED, Status.DRAFT, Status.CANCELLED}),
    Status.APPROVED: frozenset({Status.SCHEDULED, Status.RUNNING, Status.DRAFT, Status.CANCELLED}),
    Status.SCHEDULED: frozenset({Status.APPROVED, Status.RUNNING, Status.DRAFT, Status.CANCELLED}),
    Status.RUNNING: frozenset({Status.PAUSED, Status.CANCELLED}),
    Status.PAUSED: frozenset({Status.RUNNING, Status.CANCELLED}),
    Status.FINISHED: frozenset({Status.ARCHIVED}),
    Status.CANCELLED: frozenset({Status.ARCHIVED}),
    Status.ARCHIVED: frozenset(),
}

EDITABLE = frozenset({Status.DRAFT, Status.PENDING_APPROVAL, Status.APPROVED, Status.SCHEDULED})
GOING_ON = frozenset({Status.RUNNING, Status.PAUSED})


class NotEditable(Conflict):
    """The campaign has begun or ended: what it says and to whom is fixed."""

    code, title = "not_editable", "No longer editable"


class Incomplete(Conflict):
    """The campaign lacks something that its next state needs; `errors` name the fields."""

    code, title = "incomplete", "Campaign incomplete"


def require_transition(current: Status, wanted: Status) -> None:
    """Raise IllegalTransition unless a person may move a campaign from `current` to `wanted`."""
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(current, wanted, TRANSITIONS[current])


def require_editable(status: Status) -> None:
    """Raise NotEditable once a campaign has been launched, cancelled or archived."""
    if status not in EDITABLE:
        raise NotEditable(
            f"a campaign that is {status} can no longer be edited; make a new one",
            extra={"editable": sorted(EDITABLE)},
        )


def require_deletable(status: Status) -> None:
    """Raise Conflict for anything but a draft: what others have seen is archived, not deleted."""
    if status is not Status.DRAFT:
        raise Conflict(
            "only drafts can be deleted; cancel or archive it instead",
            extra={"current": status, "allowed": sorted(TRANSITIONS[status])},
        )


def status_after_edit(status: Status, *, is_complete: bool) -> Status:
    """Return where a change of content or audience leads: an approval holds only for what the approver has seen."""
    if status is Status.DRAFT or not is_complete:
        return Status.DRAFT
    return Status.PENDING_APPROVAL


def missing(audience_size: int, messages: Collection[object]) -> list[FieldError]:
    """Return what a campaign still lacks before it may go to anybody."""
    errors = []
    if audience_size == 0:
        errors.append(FieldError("/audience/user_ids", "nobody is addressed"))
    if not messages:
        errors.append(FieldError("/messages", "there is no message"))
    return errors


def require_complete(audience_size: int, messages: Collection[object]) -> None:
    """Raise Incomplete unless the campaign says something to somebody."""
    errors = missing(audience_size, messages)
    if errors:
        raise Incomplete("the campaign is not complete", errors=errors)


def require_start_ahead(schedule_at: datetime | None, now: datetime) -> datetime:
    """Return the start time; raises Incomplete when there is none or it has passed (a late approval must not surprise)."""
    if schedule_at is None:
        raise Incomplete("a scheduled campaign needs a start", errors=[FieldError("/schedule_at", "is not set")])
    if schedule_at <= now:
        raise Incomplete(
            "the start has passed", errors=[FieldError("/schedule_at", "has passed: move it or start now")]
        )
    return schedule_at


def fingerprint(user_ids: Sequence[str]) -> str:
    """Return a hash that tells two audiences apart, whatever their order."""
    digest = sha256()
    for user_id in sorted(user_ids):
        digest.update(user_id.encode() + b"\0")
    return digest.hexdigest()
