"""What scheduled replies hear: that authors were erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.scheduled_replies import service


async def on_feedback_erased(session: AsyncSession, event: Event) -> None:
    """Throw away what was to be said to them."""
    await service.forget(session, FeedbackErased.model_validate(event.data).feedback_ids)


SCHEDULED_ERASURES = Subscription(
    "feedback.scheduled_erasures", frozenset({FeedbackErased.type}), handler=on_feedback_erased
)
