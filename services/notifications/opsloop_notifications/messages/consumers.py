"""Hears that people are to be told something."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.campaigns import MessageChanged, MessageRequested
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.db import acting_for
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.messages import service


async def on_messages_requested(session: AsyncSession, events: Sequence[Event]) -> None:
    """Make one notification a recipient of each request; what campaigns say of their messages in between counts for all of them."""
    for event in events:
        with acting_for(session, event):
            if event.type == MessageChanged.type:
                await service.follow_campaign(session, event.parse(MessageChanged), sequence=event.sequence)
            else:
                await service.request_message(session, event.parse(MessageRequested))


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Forget where they are reached and what was sent to them; what waits is not sent."""
    await service.erase_people(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("notifications.erasures", frozenset({UserErased.type}), handler=on_user_erased)
MESSAGES = Subscription(
    consumer="notifications.messages",
    types=frozenset({MessageRequested.type, MessageChanged.type}),
    batch_handler=on_messages_requested,
)
