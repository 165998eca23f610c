"""What segments hear: that somebody was erased, here or elsewhere."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.segments import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Take them out of all segments; nobody is told that they left."""
    await service.forget_people(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("metrics.segments_of_erased", frozenset({UserErased.type}), handler=on_user_erased)
