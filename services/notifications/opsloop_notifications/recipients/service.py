"""Keep where people are reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit
from opsloop_common.db import clock_of, context_of
from opsloop_notifications.recipients import queries
from opsloop_notifications.recipients.models import Recipient


async def put_recipient(
    session: AsyncSession,
    user_id: str,
    *,
    email: str | None,
    locale: str | None,
    require_version: Callable[[int], None],
) -> tuple[Recipient, bool]:
    """Write one person's address and language; returns the recipient and whether it is new.

    `require_version` is asked about the present version, 0 for none, and refuses by raising.
    """
    now = clock_of(session).now()
    recipient = await queries.find_recipient(session, user_id, lock=True)
    require_version(recipient.version if recipient else 0)
    if recipient is None:
        values = {"email": email, "locale": locale, "version": 1, "created_at": now, "updated_at": now}
        recipient = await session.scalar(
            insert(Recipient)
            .values(workspace=context_of(session).workspace, user_id=user_id, **values)
            .on_conflict_do_nothing()
            .returning(Recipient)
        )
        if recipient is None:  # somebody else added it between the two statements
            return await put_recipient(session, user_id, email=email, locale=locale, require_version=require_version)
        audit.record(session, "recipient.created", f"recipient/{user_id}")
        return recipient, True
    if (recipient.email, recipient.locale) != (email, locale):
        recipient.email, recipient.locale = email, locale
        recipient.version += 1
        recipient.updated_at = now
        audit.record(session, "recipient.updated", f"recipient/{user_id}")
    return recipient, False


async def delete_recipient(session: AsyncSession, recipient: Recipient) -> None:
    """Forget one person's address."""
    await session.execute(
        delete(Recipient).where(Recipient.workspace == recipient.workspace, Recipient.user_id == recipient.user_id)
    )
    audit.record(session, "recipient.deleted", f"recipient/{recipient.user_id}")


async def reach(session: AsyncSession, user_ids: Sequence[str]) -> dict[str, Recipient]:
    """Return the known ones among the users of the session's workspace, by user id."""
    return await queries.recipients_by_user(session, user_ids)
