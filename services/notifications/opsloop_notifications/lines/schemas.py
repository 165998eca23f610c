"""HTTP shapes of lines."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import OutModel, Timestamp

LineState = Literal["moving", "parked"]


class LineOut(OutModel):
    """What an endpoint gets of one stream, one after the other, as long as something of it has not ended.

    `parked`: it stands at `delivery_id` since `parked_at`, as that was tried as often as anything is (`reason` failed) or as somebody asked
    for it (manual). Otherwise that delivery is under way. It is null where it is past its retention. `waiting` counts what has not ended,
    up to 1,000.
    """

    id: UUID
    stream: str
    status: LineState
    reason: Literal["failed", "manual"] | None
    parked_at: Timestamp | None
    delivery_id: UUID | None
    event_id: UUID | None
    event_type: str | None
    waiting: int
    created_at: Timestamp
