"""What became of the posts of people who were erased."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.envelope import EventData

POSTS_PER_EVENT = 1_000


class FeedbackErased(EventData):
    """Posts were emptied, since their authors were erased: whoever quotes them stops. More than 1,000 are told in several events."""

    type = "feedback.erased"
    aggregate = "erasure"
    is_internal = True

    erasure_id: UUID
    feedback_ids: list[UUID] = Field(max_length=POSTS_PER_EVENT)


EVENTS: tuple[type[EventData], ...] = (FeedbackErased,)
