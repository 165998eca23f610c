"""What is heard of people: how they are reached, and that they are gone."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.consent.service import erase_contacts
from opsloop_notifications.recipients.service import hear_contact


async def on_contact_changed(session: AsyncSession, event: Event) -> None:
    """Follow what is said of a person; of one who was erased nothing stays, in whichever order both are heard."""
    told = UserContactChanged.model_validate(event.data)
    if told.is_gone:
        await erase_contacts(session, [told.user_id])
    else:
        await hear_contact(session, told.user_id, email=told.email, locale=told.locale)


CONTACTS = Subscription("notifications.contacts", frozenset({UserContactChanged.type}), handler=on_contact_changed)
