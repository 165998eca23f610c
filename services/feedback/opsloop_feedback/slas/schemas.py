"""HTTP shapes of service levels."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.feedback import Severity
from opsloop_common.http.schemas import Duration, OutModel, Timestamp
from opsloop_feedback.sla_clocks.rules import ClockStatus
from opsloop_feedback.sla_policies.rules import Target

By = Literal["policy", "team", "severity"]


class ClockOut(OutModel):
    """A clock of a post. It runs in working time, and stands still while the post is pending or snoozed."""

    id: UUID
    target: Target
    status: ClockStatus
    policy_id: UUID = Field(description="Of a policy that may be gone.")
    policy: str
    allowed: Duration
    spent: Duration = Field(description="Working time until it began to run last, or until it ended.")
    started_at: Timestamp
    due_at: Timestamp | None = Field(description="Null while it stands still.")
    warned_at: Timestamp | None
    breached_at: Timestamp | None
    ended_at: Timestamp | None
    severity: Severity
    team: str | None


class OutcomeOut(OutModel):
    """How many clocks of one target were met and breached; `compliance` is the share of those met."""

    target: Target
    met: int
    breached: int
    compliance: float | None


class GroupOut(OutcomeOut):
    """The same of one policy, team or severity. `group` null: posts without a team."""

    group: str | None
    median_seconds: float | None = Field(description="Of the working time that those met took.")


class SlaReportOut(OutModel):
    """What was met and breached in a period: a breach counts when it was due, though it was answered later."""

    since: Timestamp = Field(alias="from")
    until: Timestamp = Field(alias="to")
    by: By
    rows: list[GroupOut]
    total: list[OutcomeOut]
