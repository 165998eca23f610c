"""Keep what people may want to hear or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.errors import Conflict
from opsloop_common.versions import Precondition
from opsloop_notifications.topics import queries
from opsloop_notifications.topics.models import Topic as Topic


async def create_topic(session: AsyncSession, fields: Mapping[str, Any]) -> Topic:
    """Keep a topic; raises Conflict for a key that is taken, TooMany."""
    taken = Conflict(f"the key {fields['key']} is taken; give another, or change the topic that has it (PATCH)")
    if await queries.is_taken(session, fields["key"]):
        raise taken
    await workspaces.take_place(session, Topic.__table__, most=limits.TOPICS_PER_WORKSPACE, what="notification topics")
    topic = resources.create(session, Topic, **fields)
    try:
        await session.flush()  # the unique key decides between two who come at once
    except IntegrityError as error:
        raise taken from error
    return topic


async def change_topic(
    session: AsyncSession, topic_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Topic:
    """Change a topic; raises NotFound, StaleVersion."""
    return resources.change(session, await queries.lock_topic(session, topic_id, expected), changes)


async def delete_topic(session: AsyncSession, topic_id: UUID, *, expected: Precondition) -> None:
    """Throw a topic away. What people said of its key stays, for when there is one again."""
    await resources.delete(session, await queries.lock_topic(session, topic_id, expected))


async def find_topic(session: AsyncSession, key: str) -> Topic | None:
    """Return the topic of a key, or None."""
    return await queries.find_topic(session, key)


async def all_topics(session: AsyncSession) -> Sequence[Topic]:
    """Return the workspace's topics by their keys."""
    return await queries.all_topics(session)


async def known(session: AsyncSession, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Topic]:
    """Return the topics that there are of (workspace, key); also for a session that entered as a worker."""
    return await queries.topics_by_key(session, keys)
