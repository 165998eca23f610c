"""The life of a campaign: which state leads to which, who may approve, what may still be edited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from opsloop_campaigns.budgets.rules import HeldBy
from opsloop_campaigns.recipients.rules import Count, Outcome
from opsloop_common.contracts.campaigns import RECIPIENTS_PER_REQUEST
from opsloop_common.errors import Conflict, FieldError, IllegalTransition


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
        raise NotEditable(f"a campaign that is {status} can no longer be edited", extra={"editable": sorted(EDITABLE)})


def require_deletable(status: Status) -> None:
    """Raise Conflict for anything but a draft: what others have seen is archived, not deleted."""
    if status is not Status.DRAFT:
        raise Conflict("only drafts can be deleted", extra={"current": status, "allowed": sorted(TRANSITIONS[status])})


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


def chunks(audience_size: int) -> int:
    """Return in how many requests an audience of this size goes out."""
    return -(-audience_size // RECIPIENTS_PER_REQUEST)


def fingerprint(user_ids: Sequence[str]) -> str:
    """Return a hash that tells two audiences apart, whatever their order."""
    digest = sha256()
    for user_id in sorted(user_ids):
        digest.update(user_id.encode() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True)
class Results:
    """What became of a campaign's audience; `by_status` adds up to `audience_size`."""

    audience_size: int
    by_status: Mapping[Outcome, int]
    by_reason: Mapping[str, int]
    by_locale: Mapping[str, int]


def results(status: Status, audience_size: int, counts: Sequence[Count]) -> Results:
    """Add up what is known of the recipients; before a launch nobody has a row, so all wait (or were given up)."""
    if not counts and audience_size:
        ended = status in {Status.CANCELLED, Status.ARCHIVED}
        given_up = Count(Outcome.CANCELLED, "campaign_cancelled", None, audience_size)
        counts = [given_up if ended else Count(Outcome.PENDING, None, None, audience_size)]
    by_status = dict.fromkeys(Outcome, 0)
    by_reason: Counter[str] = Counter()
    by_locale: Counter[str] = Counter()
    for same in counts:
        by_status[Outcome(same.status)] += same.count
        if same.reason is not None:
            by_reason[same.reason] += same.count
        if same.locale is not None:
            by_locale[same.locale] += same.count
    return Results(sum(by_status.values()), by_status, dict(by_reason), dict(by_locale))
