"""What feedback hears: that somebody was erased, and what became of replies."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.notifications import NotificationFailed, NotificationSent
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import acting_for
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.conversations import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Take who they were, what they said and what was said to them out of their posts."""
    erased = UserErased.model_validate(event.data)
    await service.erase_authors(session, erased.erasure_id, erased.user_ids)


class Told(BaseModel):
    """What is read of an event of notifications; reasons that are new to us are kept as they are."""

    message_id: UUID
    channel: str
    reason: str | None = None


async def on_notifications(session: AsyncSession, events: Sequence[Event]) -> None:
    """Note what became of our messages; most events are about those of others."""
    told = [(event, Told.model_validate(event.data)) for event in events]
    ours = await service.waiting_among(session, {each.message_id for _, each in told})
    for event, each in told:
        if each.message_id in ours:
            failure = (each.reason or "unknown")[:100] if event.type == NotificationFailed.type else None
            with acting_for(session, event):
                await service.hear_delivery(session, each.message_id, each.channel, failure=failure, at=event.time)


DELIVERIES = Subscription(
    consumer="feedback.deliveries",
    types=frozenset({NotificationSent.type, NotificationFailed.type}),
    batch_handler=on_notifications,
)
ERASURES = Subscription("feedback.erasures", frozenset({UserErased.type}), handler=on_user_erased)
