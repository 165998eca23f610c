"""Hears every event of every service."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.service import Subscription
from opsloop_notifications.webhooks import service


async def on_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Log the events and plan their deliveries, all in the transaction that marks them as applied."""
    await service.hear_events(session, events)


WEBHOOKS = Subscription(consumer="notifications.webhooks", types=frozenset({"*"}), batch_handler=on_events)
