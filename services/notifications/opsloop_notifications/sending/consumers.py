"""Hears every event of every service."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Database
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.sending import service

NAME = "notifications.webhooks"


async def on_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Log the events and plan their deliveries, all in the transaction that marks them as applied."""
    await service.hear_events(session, events)


async def on_events_quickly(database: Database, events: Sequence[Event]) -> set[UUID]:
    """Do the same at once."""
    return await service.hear_quickly(database, events, consumer=NAME)


WEBHOOKS = Subscription(consumer=NAME, types=frozenset({"*"}), batch_handler=on_events, quick_handler=on_events_quickly)
