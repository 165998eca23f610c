"""What feedback hears: that somebody was erased."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserErased
from opsloop_common.inbox.subscription import Subscription
from opsloop_feedback.conversations import service


async def on_user_erased(session: AsyncSession, event: Event) -> None:
    """Take who they were, what they said and what was said to them out of their posts."""
    erased = UserErased.model_validate(event.data)
    await service.erase_authors(session, erased.erasure_id, erased.user_ids)


ERASURES = Subscription("feedback.erasures", frozenset({UserErased.type}), handler=on_user_erased)
