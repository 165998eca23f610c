"""What is read of digests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.digests.models import Digest

NEWEST_FIRST = (Digest.id.desc(),)


def digests_of(workspace: str, *, user_id: str | None = None, topic: str | None = None) -> Select[Digest]:
    """Return the statement for a workspace's digests, to be paged by `NEWEST_FIRST`."""
    statement = select(Digest).where(Digest.workspace == workspace)
    if user_id is not None:
        statement = statement.where(Digest.user_id == user_id)
    if topic is not None:
        statement = statement.where(Digest.topic == topic)
    return statement


async def get_digest(session: AsyncSession, digest_id: UUID) -> Digest:
    """Return one digest; raises NotFound."""
    found = await session.scalar(digests_of(context_of(session).workspace).where(Digest.id == digest_id))
    if found is None:
        raise NotFound.of("digest")
    return found


async def lock_ended(session: AsyncSession, by: datetime, *, limit: int) -> Sequence[Digest]:
    """Lock and return digests whose window is over by a time and that did not go out, in the order in which they are added to."""
    waiting = digests_of(context_of(session).workspace).where(Digest.ends_at <= by, Digest.sent_at.is_(None))
    ordered = waiting.order_by(Digest.channel, Digest.user_id, Digest.topic, Digest.key, Digest.ends_at)
    return (await session.scalars(ordered.limit(limit).with_for_update(key_share=True))).all()
