"""The use case of erasing somebody, whichever room knows of them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.users import is_mailbox
from opsloop_common.errors import NotFound
from opsloop_common.versions import Precondition
from opsloop_metrics.contacts import service as contacts
from opsloop_metrics.orders import service as orders
from opsloop_metrics.people import service as people
from opsloop_metrics.segments import service as segments


async def erase_user(session: AsyncSession, user_id: str, *, expected: Precondition) -> UUID:
    """Erase whom an id names; returns the job that takes the events. Raises NotFound, StaleVersion.

    Somebody may have orders, a contact or a place on a list, and no event: they have no profile, and a right to be forgotten all the same.
    """
    try:
        return await people.erase_user(session, user_id, expected=expected)
    except NotFound:
        # of a mailbox no product's event tells, but posts may
        is_known = (
            is_mailbox(user_id) or await orders.has_any_of(session, user_id) or await contacts.told(session, {user_id})
        )
        if not (is_known or await segments.has_listed(session, user_id)):
            raise
    return await people.erase_unseen(session, user_id, expected=expected)
