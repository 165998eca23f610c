"""What the reject log hears: that somebody was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.rejections import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Forget what was refused of them."""
    await service.forget(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("metrics.rejections", frozenset({UserErased.type}), handler=on_user_erased)
