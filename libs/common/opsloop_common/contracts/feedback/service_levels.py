"""What was promised to whoever posts, and is about to be missed or was."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from opsloop_common.contracts.envelope import EventData
from opsloop_common.contracts.feedback.posts import FeedbackEvent, Severity


class FeedbackSlaEvent(FeedbackEvent):
    """Base of what is said of one clock of a post: `target` is what it runs for, `due_at` when its working time is over."""

    target: Literal["first_reply", "next_reply", "resolution"]
    policy_id: UUID
    policy: str
    severity: Severity
    team: str | None = None
    assignee: str | None = None
    due_at: datetime


class FeedbackSlaApproaching(FeedbackSlaEvent):
    """So much of a target's working time is over that its policy warns; once a clock, also when it was noticed late."""

    type = "feedback.sla_approaching"


class FeedbackSlaBreached(FeedbackSlaEvent):
    """What was promised did not come in time; once a clock, also when it was noticed late."""

    type = "feedback.sla_breached"


EVENTS: tuple[type[EventData], ...] = (FeedbackSlaApproaching, FeedbackSlaBreached)
