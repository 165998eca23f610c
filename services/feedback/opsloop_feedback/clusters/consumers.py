"""What clusters hear: that what some posts said was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.clusters import service


async def on_feedback_erased(session: AsyncSession, event: Event) -> None:
    """Let the posts belong to no topic, and no topic be told by what they said."""
    await service.forget_posts(session, event.parse(FeedbackErased).feedback_ids)


CLUSTER_ERASURES = Subscription("feedback.clusters", frozenset({FeedbackErased.type}), handler=on_feedback_erased)
