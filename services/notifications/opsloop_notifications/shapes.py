"""HTTP shapes that several rooms speak: one event on its way to one endpoint."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp

DeliveryState = Literal["pending", "succeeded", "failed", "cancelled"]


class DeliveryOut(OutModel):
    """One event on its way to one endpoint. `event_id` is the `webhook-id` of every attempt."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    status: DeliveryState
    failure: str | None
    attempt_count: int
    next_attempt_at: Timestamp | None
    created_at: Timestamp
    finished_at: Timestamp | None
