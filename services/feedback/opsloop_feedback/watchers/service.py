"""Use cases of watchers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits
from opsloop_common.access import audit
from opsloop_common.db import clock_of
from opsloop_common.errors import TooMany
from opsloop_feedback.items import service as items
from opsloop_feedback.watchers import queries
from opsloop_feedback.watchers.models import FeedbackWatcher


@dataclass(frozen=True)
class Changed:
    """How many came or went, and how many there are now."""

    changed: int
    watchers: int


async def add_watchers(session: AsyncSession, feedback_id: UUID, user_ids: Sequence[str]) -> Changed:
    """Have people watch a feedback; who does already stays. Raises NotFound, TooMany."""
    feedback = await items.lock_feedback(session, feedback_id)
    since = clock_of(session).now()
    rows = [
        {"feedback_id": feedback_id, "user_id": user_id, "workspace": feedback.workspace, "since": since}
        for user_id in dict.fromkeys(user_ids)
    ]
    wanted = insert(FeedbackWatcher).values(rows).on_conflict_do_nothing().returning(FeedbackWatcher.user_id)
    came = len((await session.scalars(wanted)).all())
    there = await queries.count_watchers(session, feedback_id)
    if there > limits.WATCHERS_PER_FEEDBACK:
        raise TooMany(f"a feedback has at most {limits.WATCHERS_PER_FEEDBACK} watchers; take some away first")
    return _changed(session, feedback_id, "watched", came, there)


async def remove_watchers(session: AsyncSession, feedback_id: UUID, user_ids: Sequence[str]) -> Changed:
    """Have people watch a feedback no more; raises NotFound."""
    await items.lock_feedback(session, feedback_id)
    own = (FeedbackWatcher.feedback_id == feedback_id, FeedbackWatcher.user_id.in_(user_ids))
    gone = len((await session.scalars(delete(FeedbackWatcher).where(*own).returning(FeedbackWatcher.user_id))).all())
    return _changed(session, feedback_id, "unwatched", gone, await queries.count_watchers(session, feedback_id))


def _changed(session: AsyncSession, feedback_id: UUID, action: str, changed: int, there: int) -> Changed:
    if changed:
        audit.record(session, f"feedback.{action}", f"feedback/{feedback_id}", after={"watchers": there})
    return Changed(changed, there)


async def watchers_of(session: AsyncSession, feedback_id: UUID) -> list[str]:
    """Return who watches a feedback."""
    return await queries.ids_of(session, feedback_id)
