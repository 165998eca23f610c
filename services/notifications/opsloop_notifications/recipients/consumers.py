"""What recipients hear: how people are reached."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.recipients import service


async def on_contact_changed(session: AsyncSession, event: Event) -> None:
    """Follow what is said of a person; of one who was erased nothing stays, in whichever order both are heard."""
    told = UserContactChanged.model_validate(event.data)
    if told.is_gone:
        await service.erase_recipients(session, [told.user_id])
    else:
        await service.hear_contact(session, told.user_id, email=told.email, locale=told.locale)


CONTACTS = Subscription("notifications.contacts", frozenset({UserContactChanged.type}), handler=on_contact_changed)
