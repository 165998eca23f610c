"""HTTP shapes of playbooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from opsloop_campaigns.approvals.rules import Approval
from opsloop_campaigns.playbooks.rules import RunOutcome
from opsloop_campaigns.shapes import AudienceIn, AudienceOut, MessageOut, Templates, fillable
from opsloop_common.conditions import Conditions
from opsloop_common.contracts.known import known_type
from opsloop_common.http.schemas import ConditionOut, Duration, InModel, OutModel, ShortText, Timestamp, absent

MAX_AUDIENCE = 10_000
LONGEST_COOLDOWN = timedelta(days=366)


def _some(audience: AudienceIn) -> AudienceIn:
    if not 0 < len(audience.user_ids) <= MAX_AUDIENCE:
        raise ValueError(f"must name 1 to {MAX_AUDIENCE} people")
    return audience


def _bounded(cooldown: timedelta) -> timedelta:
    if cooldown > LONGEST_COOLDOWN:
        raise ValueError(f"must be at most {LONGEST_COOLDOWN.days} days")
    return cooldown


EventType = Annotated[
    str, StringConstraints(max_length=100), AfterValidator(known_type), Field(examples=["kpi.breached"])
]
Cooldown = Annotated[Duration, AfterValidator(_bounded)]


class LaunchIn(InModel):
    """The campaign to launch. `name`, `subject` and `body` may hold placeholders such as `{{ event.data.kpi }}`."""

    name: Annotated[ShortText, AfterValidator(fillable)]
    audience: Annotated[AudienceIn, AfterValidator(_some)]
    messages: Templates

    def stored(self) -> dict[str, Any]:
        """Return the launch as the playbook keeps it."""
        return {
            "name": self.name,
            "user_ids": self.audience.user_ids,
            "messages": [message.model_dump() for message in self.messages],
        }


class PlaybookIn(InModel):
    """A new playbook: when an event of type `on` arrives and all of `when` hold, launch a campaign."""

    name: ShortText
    enabled: bool = True
    on: EventType
    when: Conditions = Field(default_factory=list)
    cooldown: Cooldown | None = None
    requires_approval: bool = False
    launch: LaunchIn


class PlaybookPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)
    on: EventType = Field(default_factory=absent)
    when: Conditions = Field(default_factory=absent)
    cooldown: Cooldown | None = None
    requires_approval: bool = Field(default_factory=absent)
    launch: LaunchIn = Field(default_factory=absent)


class LaunchOut(OutModel):
    """The campaign to launch."""

    name: str
    audience: AudienceOut
    messages: list[MessageOut]


class ApprovalIn(InModel):
    """`approved` lets a playbook send by itself, `pending` takes that back."""

    status: Literal[Approval.APPROVED, Approval.PENDING]


class ApprovalOut(OutModel):
    """Whether the playbook may send by itself; while it is `pending`, what it would send waits for a person."""

    status: Approval
    approved_by: str | None
    approved_at: Timestamp | None


class PlaybookOut(OutModel):
    """A playbook. `last_run_at` is when it launched last: its cooldown counts from there.

    `writers` is everybody who wrote what it does; none of them may approve it or its campaigns.
    """

    id: UUID
    name: str
    enabled: bool
    on: str
    when: list[ConditionOut]
    cooldown: Duration | None
    requires_approval: bool
    launch: LaunchOut
    author: str
    edited_by: str
    writers: list[str]
    approval: ApprovalOut
    last_run_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class RunOut(OutModel):
    """One event for which the conditions held, and what the playbook made of it."""

    id: UUID
    event_id: UUID
    event_type: str
    incident_id: str | None
    outcome: RunOutcome
    reason: str
    campaign_id: UUID | None
    at: Timestamp


class TestIn(InModel):
    """The data of an event as it might arrive."""

    data: dict[str, JsonValue]


class VerdictOut(ConditionOut):
    """Whether one condition holds, and why."""

    holds: bool
    reason: str


class TestOut(OutModel):
    """What the playbook would make of the event: `outcome` is null when it does not match; a disabled one does nothing."""

    matches: bool
    enabled: bool
    outcome: RunOutcome | None
    reason: str
    conditions: list[VerdictOut]
    messages: list[MessageOut]


class CancelledOut(OutModel):
    """How many campaigns were cancelled."""

    cancelled: int
