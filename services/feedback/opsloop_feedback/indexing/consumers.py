"""What the index hears: that somebody said something."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.indexing import service


async def on_feedback_received(session: AsyncSession, events: Sequence[Event]) -> None:
    """Read new posts into the index."""
    await service.index(session, [FeedbackReceived.model_validate(event.data).feedback_id for event in events])


INDEXING = Subscription(
    "feedback.indexing", frozenset({FeedbackReceived.type}), batch_handler=on_feedback_received, gather_seconds=0.25
)
