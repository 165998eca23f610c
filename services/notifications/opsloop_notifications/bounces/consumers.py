"""Hears that people are erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.bounces import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Forget what was reported about mails to them."""
    await service.erase_people(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("notifications.bounces", frozenset({UserErased.type}), handler=on_user_erased)
