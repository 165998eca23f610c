"""Who comes into segments and leaves them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.envelope import EventData

IDS_PER_EVENT = 500


class SegmentEvent(EventData):
    """Base of what a segment says: of some of its people, `as_of` the instant that its refresh looked at."""

    aggregate = "segment"
    route = "/v1/segments/{segment_id}"

    segment_id: UUID
    name: str
    user_ids: list[str] = Field(max_length=IDS_PER_EVENT)
    as_of: datetime


class SegmentEntered(SegmentEvent):
    """People came into a segment; many are told of in several events."""

    type = "segment.entered"


class SegmentLeft(SegmentEvent):
    """People left a segment. Of those who were erased, and of a segment that was thrown away, nobody is told."""

    type = "segment.left"


EVENTS: tuple[type[EventData], ...] = (SegmentEntered, SegmentLeft)
