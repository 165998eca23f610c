"""HTTP shapes of calls."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, UserId, absent, in_words
from opsloop_feedback.calls.rules import LONGEST_SECONDS, CallOutcome, Direction
from opsloop_feedback.shapes import ExternalId
from opsloop_feedback.submissions.rules import readable

Phone = Annotated[
    str, *in_words(r"^\+?\(?[0-9][0-9 ().-]{2,29}$", "must be a telephone number such as +86 10 1234 5678", longest=32)
]
Seconds = Annotated[int, Field(ge=0, le=LONGEST_SECONDS)]
Summary = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(readable)]


class CallIn(InModel):
    """A call as it was. With an `external_id` that the key's source gave before, the call that it names is answered."""

    direction: Direction
    outcome: CallOutcome = CallOutcome.ANSWERED
    started_at: Timestamp
    duration_seconds: Seconds = 0
    user_id: UserId | None = None
    phone: Phone | None = None
    name: ShortText | None = None
    summary: Summary | None = None
    feedback_id: UUID | None = Field(default=None, description="The post that it was about.")
    assignee: UserId | None = Field(default=None, description="Who is to call back.")
    callback_due_at: Timestamp | None = None
    external_id: ExternalId | None = None


class CallPatch(InModel):
    """What to change; fields left out stay."""

    outcome: CallOutcome = Field(default_factory=absent)
    duration_seconds: Seconds = Field(default_factory=absent)
    user_id: UserId | None = None
    phone: Phone | None = None
    name: ShortText | None = None
    summary: Summary | None = None
    feedback_id: UUID | None = None
    assignee: UserId | None = None
    callback_due_at: Timestamp | None = None
    called_back_at: Timestamp | None = Field(default=None, description="When they were called back: it is due no more.")


class CallOut(OutModel):
    """A call."""

    id: UUID
    direction: Direction
    outcome: CallOutcome
    started_at: Timestamp
    duration_seconds: int
    user_id: str | None
    phone: str | None
    name: str | None
    summary: str | None
    feedback_id: UUID | None
    assignee: str | None
    callback_due_at: Timestamp | None
    called_back_at: Timestamp | None
    source: str
    external_id: str | None
    created_at: Timestamp
    updated_at: Timestamp
