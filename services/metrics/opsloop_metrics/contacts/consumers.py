"""What contacts hear: that somebody was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.contacts import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Forget how they were reached, and have it forgotten where it was handed to."""
    await service.erase(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("metrics.contacts", frozenset({UserErased.type}), handler=on_user_erased)
