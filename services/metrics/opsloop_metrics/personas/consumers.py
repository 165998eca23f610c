"""What personas hear: that posts were emptied, since their authors were erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.personas import service


async def on_feedback_erased(session: AsyncSession, event: Event) -> None:
    """Take out what is quoted of them."""
    await service.forget_quotes(session, event.parse(FeedbackErased).feedback_ids)


ERASURES = Subscription("metrics.personas", frozenset({FeedbackErased.type}), handler=on_feedback_erased)
