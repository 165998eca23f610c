"""HTTP shapes of fetching."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_feedback.imap.rules import Failure


class MailboxProgressOut(OutModel):
    """How fetching from a mailbox goes."""

    mailbox_id: UUID
    failures: int = Field(
        description="Looks in a row that came to nothing; after each it rests longer, up to half an hour."
    )
    failure: Failure | None
    fetched_at: Timestamp | None = Field(description="When it was last looked at with success.")
    next_at: Timestamp | None
