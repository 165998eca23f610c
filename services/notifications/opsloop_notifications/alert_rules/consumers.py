"""Hears every event, for those that rules make alerts of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.alert_rules import service


async def on_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Fire and end alerts, in the transaction that marks the events as applied."""
    await service.hear_events(session, events)


# who is told waits for half a minute anyway: events that come together are taken together
ALERTS = Subscription(
    consumer="notifications.alerts", types=frozenset({"*"}), batch_handler=on_events, gather_seconds=0.2
)
