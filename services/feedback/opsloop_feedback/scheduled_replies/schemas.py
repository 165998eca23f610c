"""HTTP shapes of scheduled replies."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, absent
from opsloop_feedback.scheduled_replies.rules import HeldBecause, ScheduledStatus
from opsloop_feedback.submissions.rules import readable

ReplyText = Annotated[str, StringConstraints(min_length=1, max_length=50_000), AfterValidator(readable)]
AtOpening = Annotated[
    bool,
    Field(description="When the calendar of the feedback's team opens next: one that is open now, the time after."),
]


class ScheduledReplyIn(InModel):
    """A reply that is said later: at a time, or when the team begins to work."""

    body: ReplyText
    send_at: Timestamp | None = None
    at_opening: AtOpening = False


class ScheduledReplyPatch(InModel):
    """What to change; fields left out stay. A time has one that was held wait again."""

    body: ReplyText = Field(default_factory=absent)
    send_at: Timestamp = Field(default_factory=absent)


class ScheduledReplyOut(OutModel):
    """A scheduled reply."""

    id: UUID
    feedback_id: UUID
    body: str
    send_at: Timestamp
    status: ScheduledStatus
    held_because: HeldBecause | None
    message_id: UUID | None
    actor: str
    created_at: Timestamp
    updated_at: Timestamp
