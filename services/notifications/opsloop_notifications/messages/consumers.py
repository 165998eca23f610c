"""Hears that people are to be told something."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.campaigns import MessageRequested
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import acting_for
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.messages import service


async def on_messages_requested(session: AsyncSession, events: Sequence[Event]) -> None:
    """Make one notification a recipient of each request."""
    for event in events:
        with acting_for(session, event):
            await service.request_message(session, event.parse(MessageRequested))


MESSAGES = Subscription(
    consumer="notifications.messages",
    types=frozenset({MessageRequested.type}),
    batch_handler=on_messages_requested,
)
