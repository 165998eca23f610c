"""What is heard of people: how they are reached, and that they are gone."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.users import UserContactChanged
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.consent.service import erase_contacts
from opsloop_notifications.recipients.service import SERVER, Teller, hear_contact


async def on_contact_changed(session: AsyncSession, event: Event) -> None:
    """Follow what is said of a person; of one who was erased nothing stays, in whichever order both are heard."""
    told = UserContactChanged.model_validate(event.data)
    if told.is_gone:
        await erase_contacts(session, [told.user_id])
        return
    said = told.claim or told
    fields = {"email": said.email, "locale": said.locale, "name": said.full_name}
    teller = Teller(told.source, told.claim.by if told.claim else SERVER, told.said_at)
    await hear_contact(session, told.user_id, {name: each for name, each in fields.items() if each is not None}, teller)


CONTACTS = Subscription("notifications.contacts", frozenset({UserContactChanged.type}), handler=on_contact_changed)
