"""Use cases of conversations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, insert, literal, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.access import audit
from opsloop_common.contracts.feedback import FeedbackErased, FeedbackReplied
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.inbox import forgetting
from opsloop_feedback.authors import service as authors
from opsloop_feedback.conversations import queries
from opsloop_feedback.conversations.models import FeedbackMessage
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items

REPLY = "reply"


async def add_message(session: AsyncSession, feedback_id: UUID, *, kind: str, body: str) -> FeedbackMessage:
    """Write a reply to the author, or a note; raises NotFound. A reply to what was merged lands where it was merged into.

    A reply is told to other services, a note never is.
    """
    if kind == REPLY:
        feedback_id = (await items.get_feedback(session, feedback_id)).merged_into_id or feedback_id
    feedback = await items.lock_feedback(session, feedback_id)
    if kind == REPLY and feedback.merged_into_id is not None:
        raise Conflict("This feedback has just been merged into another; try again.")
    message = FeedbackMessage(
        id=uuid7(),
        workspace=feedback.workspace,
        feedback_id=feedback.id,
        kind=kind,
        body=body,
        actor=context_of(session).actor,
        created_at=clock_of(session).now(),
    )
    session.add(message)
    if kind == REPLY:
        reply_seconds = await items.mark_replied(session, feedback)
        outbox.append(
            session,
            FeedbackReplied(
                feedback_id=feedback.id,
                number=feedback.number,
                message_id=message.id,
                is_first=reply_seconds is not None,
                reply_seconds=reply_seconds,
                author=items.author_of(feedback),
            ),
        )
    audit.record(session, "feedback_message.created", f"feedback/{feedback.id}", after={"id": message.id, "kind": kind})
    return message


async def keep_imported(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what was answered and noted before the posts came to us: nobody is told of it, and it stops no clock."""
    if rows:
        await session.execute(insert(FeedbackMessage), [{"id": uuid7(), **row} for row in rows])


async def spoken_to(session: AsyncSession, feedback_ids: Collection[UUID], *, since: datetime) -> set[UUID]:
    """Return to which of some posts somebody answered, or noted something, since a time."""
    return await queries.spoken_to(session, feedback_ids, since)


async def erase_authors(session: AsyncSession, erasure_id: UUID, user_ids: Sequence[str]) -> None:
    """Empty the posts of people who were erased, and what was answered or noted there; who quotes them elsewhere is told."""
    emails = await authors.erase(session, user_ids)
    while feedback_ids := await items.erase_authors(session, user_ids, emails):
        await session.execute(
            update(FeedbackMessage)
            .where(FeedbackMessage.feedback_id == any_(literal(feedback_ids, ARRAY(Uuid))))
            .values(body="")
            .execution_options(synchronize_session=False)
        )
        await indexing.forget(session, feedback_ids)
        await outbox.forget(session, [f"feedback/{id}" for id in feedback_ids], user_ids)
        outbox.append(session, FeedbackErased(erasure_id=erasure_id, feedback_ids=list(feedback_ids)))
    await forgetting.forget(session, user_ids)
