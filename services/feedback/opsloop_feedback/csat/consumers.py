"""What CSAT hears: that posts were resolved, what became of its questions, and whose posts were erased."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackErased, FeedbackResolved
from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.csat import service


async def on_feedback_resolved(session: AsyncSession, events: Sequence[Event]) -> None:
    """Have authors asked a while later; but not of what came with a file."""
    new = [event for event in events if not event.is_history]
    await service.plan(session, {event.parse(FeedbackResolved).feedback_id for event in new})


class Told(BaseModel):
    """What is read of an event of notifications."""

    message_id: UUID
    reason: str | None = None


async def on_notifications(session: AsyncSession, events: Sequence[Event]) -> None:
    """Note what became of questions."""
    told: dict[UUID, tuple[datetime, str | None]] = {}
    for event in events:
        each = Told.model_validate(event.data)
        failure = (each.reason or "unknown")[:100] if event.type == NotificationFailed.type else None
        if told.get(each.message_id, (None, ""))[1] is not None:  # what went out by one channel went out
            told[each.message_id] = (event.time, failure)
    await service.hear_deliveries(session, told)


async def on_feedback_erased(session: AsyncSession, event: Event) -> None:
    """Take who was asked, and what they added, out of the answers about erased people's posts."""
    await service.forget(session, event.parse(FeedbackErased).feedback_ids)


RESOLVED = Subscription(
    "feedback.csat", frozenset({FeedbackResolved.type}), batch_handler=on_feedback_resolved, gather_seconds=0.2
)
QUESTIONS = Subscription(
    "feedback.csat_questions",
    frozenset({NotificationSent.type, NotificationFailed.type}),
    batch_handler=on_notifications,
)
ERASURES = Subscription("feedback.csat_erasures", frozenset({FeedbackErased.type}), handler=on_feedback_erased)
