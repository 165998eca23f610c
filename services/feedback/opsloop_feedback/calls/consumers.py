"""What calls hear: that somebody was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.calls import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Take them out of the calls with them."""
    await service.forget_people(session, UserErased.model_validate(event.data).user_ids)


CALL_ERASURES = Subscription("feedback.call_erasures", frozenset({UserErased.type}), handler=on_user_erased)
