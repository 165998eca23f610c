"""What ends before its time: what is kept of people who were erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.forgetting import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Forget the domain events that are about them."""
    await service.forget_people(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("metrics.forgetting", frozenset({UserErased.type}), handler=on_user_erased)
