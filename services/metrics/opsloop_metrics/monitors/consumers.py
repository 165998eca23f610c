"""Every event of every service is taken in."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.monitors import service


async def on_events(session: AsyncSession, events: Sequence[Event]) -> None:
    """Store the events of one workspace and make the monitors that read them due."""
    await service.take_in(session, events)


EVENTS = Subscription("metrics.events", frozenset({"*"}), batch_handler=on_events, gather_seconds=0.05)
