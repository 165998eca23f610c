"""Use cases of conversations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, case, literal, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.access import audit
from opsloop_common.contracts.feedback import FeedbackErased, FeedbackReplied
from opsloop_common.db import clock_of, context_of, fire_after_commit
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.inbox import forgetting
from opsloop_feedback.attachments import service as attachments
from opsloop_feedback.authors import service as authors
from opsloop_feedback.conversations import queries, rules
from opsloop_feedback.conversations.models import FeedbackMessage
from opsloop_feedback.conversations.rules import Delivery, SaidBy
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items

REPLY = "reply"


async def add_message(
    session: AsyncSession, feedback_id: UUID, *, kind: str, body: str, files: Sequence[UUID] = ()
) -> FeedbackMessage:
    """Write a reply to the author, or a note; raises NotFound. A reply to what was merged lands where it was merged into.

    A reply is told to other services, a note never is.
    """
    feedback = await (
        _lock_target(session, feedback_id) if kind == REPLY else items.lock_feedback(session, feedback_id)
    )
    addressee_id = feedback_id if kind == REPLY else None
    message = _written(session, feedback, SaidBy.STAFF, kind=kind, body=body, addressee_id=addressee_id)
    await attachments.name(session, files, feedback_id=feedback.id, message_id=message.id)
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
    return message


async def add_from_author(
    session: AsyncSession, feedback_id: UUID, *, body: str, channel: str, external_id: str | None = None
) -> FeedbackMessage:
    """Write down what the author of a feedback said, once by its natural key; raises NotFound.

    What waited or was finished is worked on again. What is said to a merged one lands where it was merged into. `channel`: by which
    it came; `external_id`: what it is called there. Who speaks is for the caller to make sure of.
    """
    feedback = await _lock_target(session, feedback_id)
    if external_id is not None:
        known = await queries.find_by_external_id(session, {feedback_id, feedback.id}, external_id)
        if known is not None:
            return known
    message = _written(
        session, feedback, SaidBy.AUTHOR, kind=REPLY, body=body, channel=channel, external_id=external_id
    )
    await items.hear_author(session, feedback)
    return message


async def said_between(
    session: AsyncSession, feedback: items.Feedback, *, named: str, after: UUID | None, limit: int
) -> Sequence[FeedbackMessage]:
    """Return what was said between us and the author of one feedback, the newest so many, oldest first.

    `named`: how what the author says begins to be called (`external_id`). What others say where it was merged into is not theirs.
    """
    places = {feedback.id, feedback.merged_into_id or feedback.id}
    return await queries.said_between(session, feedback.id, places, named=named, after=after, limit=limit)


async def is_said(session: AsyncSession, feedback: items.Feedback, external_id: str) -> bool:
    """Say whether an author's message of this name is known."""
    places = {feedback.id, feedback.merged_into_id or feedback.id}
    return await queries.find_by_external_id(session, places, external_id) is not None


async def answered_among(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return those of some feedback whose authors were answered, and when they were last."""
    return await queries.answered_among(session, feedback_ids)


def _written(session: AsyncSession, feedback: items.Feedback, said_by: SaidBy, **said: Any) -> FeedbackMessage:
    message = FeedbackMessage(
        id=uuid7(),
        workspace=feedback.workspace,
        feedback_id=feedback.id,
        actor=context_of(session).actor,
        created_at=clock_of(session).now(),
        said_by=said_by.value,
        delivery=Delivery.NONE.value,
        waits_for=[],
        **said,
    )
    session.add(message)
    for watched in {feedback.id, message.addressee_id or feedback.id}:
        fire_after_commit(session, rules.wakeup(watched))
    about = {"id": message.id, "kind": message.kind, "said_by": message.said_by}
    audit.record(session, "feedback_message.created", f"feedback/{feedback.id}", after=about)
    return message


async def _lock_target(session: AsyncSession, feedback_id: UUID) -> items.Feedback:
    """Lock the feedback in whose conversation something is said; raises NotFound, Conflict (409) for one that was merged just now."""
    target_id = (await items.get_feedback(session, feedback_id)).merged_into_id or feedback_id
    feedback = await items.lock_feedback(session, target_id)
    if feedback.merged_into_id is not None:
        raise Conflict("This feedback has just been merged into another; try again.")
    return feedback


async def erase_authors(session: AsyncSession, erasure_id: UUID, user_ids: Sequence[str]) -> None:
    """Empty the posts of people who were erased, and what was answered or noted there; who quotes them elsewhere is told."""
    emails = await authors.erase(session, user_ids)
    is_waiting = FeedbackMessage.delivery == Delivery.WAITING
    while feedback_ids := await items.erase_authors(session, user_ids, emails):
        await session.execute(
            update(FeedbackMessage)
            .where(FeedbackMessage.feedback_id == any_(literal(feedback_ids, ARRAY(Uuid))))
            .values(
                body="",
                waits_for=[],
                delivery=case((is_waiting, Delivery.FAILED), else_=FeedbackMessage.delivery),
                failure=case((is_waiting, rules.ERASED), else_=FeedbackMessage.failure),
            )
            .execution_options(synchronize_session=False)
        )
        await indexing.forget(session, feedback_ids)
        await attachments.take_back(session, feedback_ids)
        await outbox.forget(session, [f"feedback/{id}" for id in feedback_ids], user_ids)
        outbox.append(session, FeedbackErased(erasure_id=erasure_id, feedback_ids=list(feedback_ids)))
    await forgetting.forget(session, user_ids)
