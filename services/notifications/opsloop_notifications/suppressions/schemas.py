"""HTTP shapes of suppressions."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.contracts.notifications import SuppressionReason
from opsloop_common.http.schemas import EmailAddress, InModel, OutModel, ShortText, Timestamp


class SuppressionIn(InModel):
    """An address that is to get nothing more, and why."""

    address: EmailAddress
    reason: SuppressionReason = "manual"
    note: ShortText | None = None


class SuppressionOut(OutModel):
    """An address that gets no mail. `address` is null once its owner was erased: it is known again, and not told."""

    id: UUID
    channel: Literal["email"]
    address: str | None
    reason: SuppressionReason
    note: str | None
    created_at: Timestamp
