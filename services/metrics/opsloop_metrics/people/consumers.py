"""What persons hear: that another service erased somebody."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_metrics.people import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Erase them here too. Of those whom we erased ourselves nothing is left to erase."""
    await service.erase_heard(session, UserErased.model_validate(event.data).user_ids)


ERASURES = Subscription("metrics.erasures", frozenset({UserErased.type}), handler=on_user_erased)
