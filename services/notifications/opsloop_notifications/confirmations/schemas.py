"""HTTP shapes of confirmations."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import OutModel


class ConfirmationOut(OutModel):
    """The question is on its way; `message_id` finds what became of it among the notifications."""

    message_id: UUID
