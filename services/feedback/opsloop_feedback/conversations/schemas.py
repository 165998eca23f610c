"""HTTP shapes of conversations."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_feedback.conversations.rules import Delivery, SaidBy
from opsloop_feedback.shapes import AttachmentIds
from opsloop_feedback.submissions.rules import readable

MessageKind = Literal["reply", "note"]


MessageText = Annotated[str, StringConstraints(min_length=1, max_length=50_000), AfterValidator(readable)]


class MessageIn(InModel):
    """A reply goes to the author; a note stays among us."""

    kind: MessageKind
    body: MessageText
    attachments: AttachmentIds = Field(default_factory=list)


class SaidOut(OutModel):
    """One message as who posted the feedback is told of it."""

    id: UUID
    body: str
    said_by: SaidBy
    delivery: Delivery
    sent_at: Timestamp | None
    created_at: Timestamp


class MessageOut(OutModel):
    """One message."""

    id: UUID
    feedback_id: UUID
    kind: MessageKind
    body: str
    said_by: SaidBy
    channel: str | None
    external_id: str | None
    delivery: Delivery
    sent_at: Timestamp | None
    failure: str | None
    actor: str
    created_at: Timestamp
