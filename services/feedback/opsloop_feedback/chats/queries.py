"""Everything that reads chats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_feedback.chats.models import Chat

NEWEST_FIRST = (Chat.feedback_id.desc(),)


def chats(workspace: str) -> Select[Chat]:
    """Return the query of a workspace's chats, to be paged."""
    return select(Chat).where(Chat.workspace == workspace)


def open_chats(workspace: str) -> Select[Chat]:
    """Return the query of those that nobody has left, to be paged."""
    return chats(workspace).where(Chat.ended_at.is_(None))


async def find_chat(session: AsyncSession, feedback_id: UUID) -> Chat | None:
    """Return the chat of a feedback as it is now, or None."""
    found = chats(context_of(session).workspace).where(Chat.feedback_id == feedback_id)
    return await session.scalar(found.execution_options(populate_existing=True))


async def get_chat(session: AsyncSession, feedback_id: UUID) -> Chat:
    """Return the chat of a feedback as it is now; raises NotFound."""
    chat = await find_chat(session, feedback_id)
    if chat is None:
        raise NotFound.of("chat")
    return chat


async def lock_chat(session: AsyncSession, feedback_id: UUID) -> Chat:
    """Return the chat of a feedback, locked until the transaction ends; raises NotFound."""
    found = chats(context_of(session).workspace).where(Chat.feedback_id == feedback_id)
    chat = await session.scalar(found.with_for_update(key_share=True).execution_options(populate_existing=True))
    if chat is None:
        raise NotFound.of("chat")
    return chat


async def before(session: AsyncSession, chat: Chat, *, since: datetime, limit: int) -> Sequence[UUID]:
    """Return which chats of the same team began before one and are still there, the first so many."""
    same = Chat.team_id.is_not_distinct_from(chat.team_id)
    waiting = select(Chat.feedback_id).where(
        Chat.workspace == chat.workspace,
        Chat.ended_at.is_(None),
        Chat.seen_at > since,
        same,
        Chat.started_at <= chat.started_at,
        Chat.feedback_id != chat.feedback_id,
    )
    return (await session.scalars(waiting.order_by(Chat.started_at).limit(limit))).all()
