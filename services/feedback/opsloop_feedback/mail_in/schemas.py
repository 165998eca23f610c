"""HTTP shapes of received mail."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_feedback.mail_in.rules import MailOutcome


class TakenMailOut(OutModel):
    """What became of a mail that was brought; the same again where it was brought before."""

    id: UUID
    outcome: MailOutcome
    reason: str | None
    feedback_id: UUID | None


class ReceivedMailOut(TakenMailOut):
    """A mail that came in, and what became of it."""

    mailbox_id: UUID
    message_id: UUID | None = Field(description="Of the message that it became.")
    size: int
    received_at: Timestamp
