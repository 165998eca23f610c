"""What the desk hears: that a post came in."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.routing_rules import service


async def on_feedback_received(session: AsyncSession, events: Sequence[Event]) -> None:
    """Give posts to teams and people, and begin their clocks; but not of what came with a file: it is of earlier times."""
    new = [event for event in events if not event.is_history]
    await service.take_up(session, {event.parse(FeedbackReceived).feedback_id: event for event in new})


# a second later is early enough, and posts that come together are taken up together
DESK = Subscription(
    consumer="feedback.desk",
    types=frozenset({FeedbackReceived.type}),
    batch_handler=on_feedback_received,
    gather_seconds=0.2,
)
