"""What is read of topics."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, exists, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.topics.models import Topic

NEWEST_FIRST = (Topic.id.desc(),)


def topics(workspace: str) -> Select[Topic]:
    """Return the statement for a workspace's topics, to be paged by `NEWEST_FIRST`."""
    return select(Topic).where(Topic.workspace == workspace)


async def all_topics(session: AsyncSession) -> Sequence[Topic]:
    """Return the workspace's topics by their keys."""
    return (await session.scalars(topics(context_of(session).workspace).order_by(Topic.key))).all()


async def get_topic(session: AsyncSession, topic_id: UUID) -> Topic:
    """Return one topic; raises NotFound."""
    return await resources.get(session, Topic, Topic.id == topic_id)


async def find_topic(session: AsyncSession, key: str) -> Topic | None:
    """Return the topic of a key, or None."""
    return await resources.find(session, Topic, Topic.key == key)


async def lock_topic(session: AsyncSession, topic_id: UUID, expected: Precondition) -> Topic:
    """Lock and return one topic in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Topic, Topic.id == topic_id, expected=expected)


async def is_taken(session: AsyncSession, key: str) -> bool:
    """Say whether a topic has the key."""
    found = select(exists().where(Topic.workspace == context_of(session).workspace, Topic.key == key))
    return bool(await session.scalar(found))


async def topics_by_key(session: AsyncSession, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Topic]:
    """Return topics by (workspace, key); also for a session that entered as a worker."""
    found = await session.scalars(select(Topic).where(tuple_(Topic.workspace, Topic.key).in_(keys)))
    return {(row.workspace, row.key): row for row in found}
