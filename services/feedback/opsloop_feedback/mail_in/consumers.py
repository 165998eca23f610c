"""What mail hears: that somebody was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.mail_in import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Forget what is kept of their mail that could not be taken."""
    await service.erase(session, event.parse(UserErased).user_ids)


ERASURES = Subscription("feedback.mail_erasures", frozenset({UserErased.type}), handler=on_user_erased)
