"""Keep where people are reached."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.recipients import queries
from opsloop_notifications.recipients.models import Recipient as Recipient


async def put_recipient(
    session: AsyncSession, user_id: str, *, email: str | None, locale: str | None, expected: Precondition
) -> tuple[Recipient, bool]:
    """Write one person's address and language; returns the recipient and whether it is new. Raises StaleVersion."""
    recipient = await queries.find_and_lock(session, user_id)
    if recipient is None:
        expected.require_none()
        recipient = await _add(session, user_id, email=email, locale=locale, is_by_hand=True)
        if recipient is None:  # somebody else added it between the two statements
            return await put_recipient(session, user_id, email=email, locale=locale, expected=expected)
        return recipient, True
    expected.require(recipient.version)
    return resources.change(session, recipient, {"email": email, "locale": locale, "is_by_hand": True}), False


async def hear_contact(session: AsyncSession, user_id: str, *, email: str | None, locale: str | None) -> None:
    """Follow what traits say of a person's address and language; None: nothing new. What somebody put stays as they put it."""
    recipient = await queries.find_and_lock(session, user_id)
    if recipient is None:
        if await _add(session, user_id, email=email, locale=locale, is_by_hand=False) is None:
            await hear_contact(session, user_id, email=email, locale=locale)
    elif not recipient.is_by_hand:
        said = {"email": email, "locale": locale}
        resources.change(session, recipient, {name: value for name, value in said.items() if value is not None})


async def _add(session: AsyncSession, user_id: str, **said: str | bool | None) -> Recipient | None:
    now = clock_of(session).now()
    own = {"workspace": context_of(session).workspace, "version": 1, "created_at": now, "updated_at": now}
    statement = insert(Recipient).values(user_id=user_id, **said, **own)
    recipient = await session.scalar(statement.on_conflict_do_nothing().returning(Recipient))
    if recipient is not None:
        resources.tell(session, recipient, "created", after=recipient.audited())
    return recipient


async def delete_recipient(session: AsyncSession, user_id: str, *, expected: Precondition) -> None:
    """Forget one person's address."""
    recipient = await queries.lock_recipient(session, user_id, expected)
    await resources.delete(session, recipient)


async def reach(session: AsyncSession, user_ids: Sequence[str]) -> dict[str, Recipient]:
    """Return the known ones among the users of the session's workspace, by user id."""
    return await queries.recipients_by_user(session, user_ids)


async def erase_recipients(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Forget the addresses of people who were erased."""
    for recipient in await queries.lock_recipients(session, user_ids):
        await resources.delete(session, recipient)
