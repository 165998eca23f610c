"""What is heard of new posts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.arrivals import service


async def on_feedback_received(session: AsyncSession, events: Sequence[Event]) -> None:
    """Let new posts be found, and join what they repeat."""
    posts = {FeedbackReceived.model_validate(event.data).feedback_id: event for event in events}
    await service.see_to(session, list(posts), repeats=[id for id, event in posts.items() if not event.is_history])


# nobody waits for it: what comes in a moment is read together
ARRIVALS = Subscription(
    "feedback.arrivals", frozenset({FeedbackReceived.type}), batch_handler=on_feedback_received, gather_seconds=0.5
)
