"""Use cases of conversations."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, case, insert, literal, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.access import audit
from opsloop_common.contracts.envelope import INTERNAL_STREAM
from opsloop_common.contracts.feedback import FeedbackErased, FeedbackReplied, ReplyRequested
from opsloop_common.db import clock_of, context_of, fire_after_commit, ports_of, settings_of
from opsloop_common.errors import Conflict
from opsloop_common.ids import uuid7
from opsloop_common.inbox import forgetting
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_feedback.attachments import service as attachments
from opsloop_feedback.authors import service as authors
from opsloop_feedback.conversations import queries, rules
from opsloop_feedback.conversations.models import FeedbackMessage as FeedbackMessage
from opsloop_feedback.conversations.rules import Delivery, Progress, SaidBy, Way
from opsloop_feedback.drafts import service as drafts
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items
from opsloop_feedback.persons import service as persons
from opsloop_feedback.ports import FeedbackPorts
from opsloop_feedback.settings import FeedbackSettings

REPLY = "reply"


async def add_message(
    session: AsyncSession,
    feedback_id: UUID,
    *,
    kind: str,
    body: str,
    expected: Precondition = ANY_VERSION,
    files: Sequence[UUID] = (),
    actor: str | None = None,
) -> FeedbackMessage:
    """Write a reply to the author, or a note, with files; raises NotFound, StaleVersion (412), Invalid (422).

    A reply to what was merged lands where it was merged into. A reply is on its way when this commits; that it
    went out is told when that is heard. A note never leaves the service. `actor`: who wrote it, if not whoever asks.
    """
    if kind == REPLY:
        message = await _reply(session, feedback_id, body, expected)
    else:
        feedback = await items.lock_feedback(session, feedback_id, expected)
        message = _written(session, feedback, SaidBy.STAFF, kind=kind, body=body)
    message.actor = actor or message.actor
    await attachments.name(session, files, feedback_id=message.feedback_id, message_id=message.id)
    return message


async def _reply(session: AsyncSession, feedback_id: UUID, body: str, expected: Precondition) -> FeedbackMessage:
    feedback = await _lock_target(session, feedback_id, expected)
    asked = feedback if feedback.id == feedback_id else await items.get_feedback(session, feedback_id)
    workspace, known = feedback.workspace, asked.author_verified
    way = rules.way_to(workspace, asked.author_user_id, asked.author_email, is_verified=known)
    message = _written(session, feedback, SaidBy.STAFF, kind=REPLY, body=body, addressee_id=asked.id)
    if way is not None:
        message.delivery, message.waits_for = Delivery.WAITING, list(way.channels)
        outbox.append(session, await _requested(session, feedback, asked, message, way))
    elif rules.is_readable(asked.channel, asked.attributes):
        message.delivery = Delivery.READABLE
        await _tell_replied(session, feedback, message, at=message.created_at)
    else:
        message.delivery, message.failure = Delivery.FAILED, rules.NO_ADDRESS
    await items.take_up(session, feedback)
    return message


async def _requested(
    session: AsyncSession, feedback: items.Feedback, asked: items.Feedback, message: FeedbackMessage, way: Way
) -> ReplyRequested:
    workspace, domain = feedback.workspace, settings_of(session, FeedbackSettings).reply_domain
    sign = partial(ports_of(session, FeedbackPorts).secrets.digest, purpose=rules.SIGNED)
    address = rules.reply_address(domain, asked.id, workspace, sign)
    mails = [
        await queries.last_mail(session, asked.id, asked.merged_into_id),
        asked.external_id if asked.channel == rules.EMAIL else None,
    ]
    return ReplyRequested(
        feedback_id=feedback.id,
        number=feedback.number,
        message_id=message.id,
        user_id=way.user_id,
        email=way.email,
        channels=list(way.channels),
        locale=asked.locale or asked.triage.get("language") or "en",
        title=rules.subject_of(asked.number, asked.title, asked.body),
        body=message.body,
        reply_to=address if domain else None,
        references=rules.references_of(address, mails),
    )


async def waiting_among(session: AsyncSession, message_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some ids are those of messages that are on their way."""
    return await queries.waiting_among(session, message_ids)


async def hear_delivery(
    session: AsyncSession, message_id: UUID, channel: str, *, failure: str | None, at: datetime
) -> None:
    """Note what became of a message by one channel; what is no message of ours, and what is settled, stays as it is."""
    found = await queries.find_message(session, message_id)
    feedback = None if found is None else await items.find_and_lock(session, found.feedback_id)
    message = await queries.find_and_lock(session, message_id)
    if message is None or feedback is None:
        return
    before = Progress(Delivery(message.delivery), tuple(message.waits_for), message.channel, message.failure)
    now = rules.heard(before, channel, failure)
    if now == before:
        return
    message.delivery, message.waits_for = now.delivery, list(now.waits_for)
    message.channel, message.failure = now.reached, now.failure
    if now.delivery is Delivery.SENT:
        message.sent_at = at
        await _tell_replied(session, feedback, message, at=at)


async def _tell_replied(
    session: AsyncSession, feedback: items.Feedback, message: FeedbackMessage, *, at: datetime
) -> None:
    reply_seconds = await items.mark_replied(session, feedback, written_at=message.created_at, at=at)
    outbox.append(
        session,
        FeedbackReplied(
            feedback_id=feedback.id,
            number=feedback.number,
            message_id=message.id,
            is_first=reply_seconds is not None,
            reply_seconds=reply_seconds,
            author=items.author_of(feedback),
            source=feedback.source,
        ),
    )


async def newest_said(session: AsyncSession, feedback: items.Feedback, *, limit: int) -> Sequence[FeedbackMessage]:
    """Return the newest of what was said to the author of a feedback and by them, the newest first."""
    said = queries.said_to(feedback.id, feedback.merged_into_id)
    return (await session.scalars(said.order_by(*queries.NEWEST_FIRST).limit(limit))).all()


def conversation_of(session: AsyncSession, text: str) -> UUID | None:
    """Return the feedback to whose conversation a mail belongs, by its addresses and references; None when they name none of ours."""
    boxes = ports_of(session, FeedbackPorts).secrets.with_each_key
    signs = [partial(box.digest, purpose=rules.SIGNED) for box in boxes]
    return rules.find_conversation(text, context_of(session).workspace, signs)


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
        session,
        feedback,
        SaidBy.AUTHOR,
        kind=REPLY,
        body=body,
        channel=channel,
        external_id=external_id,
        addressee_id=feedback_id,
    )
    await items.hear_author(session, feedback)
    return message


async def said_between(
    session: AsyncSession, feedback: items.Feedback, *, after: UUID | None, limit: int
) -> Sequence[FeedbackMessage]:
    """Return what was said between us and the author of one feedback, the newest so many, oldest first.

    What others say where it was merged into is not theirs, and notes are not.
    """
    return await queries.said_between(session, feedback.id, feedback.merged_into_id, after=after, limit=limit)


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


async def _lock_target(
    session: AsyncSession, feedback_id: UUID, expected: Precondition = ANY_VERSION
) -> items.Feedback:
    """Lock the feedback in whose conversation something is said, seen in the version expected.

    Raises NotFound, StaleVersion (412), Conflict (409) for one that was merged just now.
    """
    asked = await items.get_feedback(session, feedback_id)
    if asked.merged_into_id is None:
        feedback = await items.lock_feedback(session, feedback_id, expected)
    else:
        expected.require(asked.version)
        feedback = await items.lock_feedback(session, asked.merged_into_id)
    if feedback.merged_into_id is not None:
        raise Conflict("This feedback has just been merged into another; try again.")
    return feedback


async def keep_imported(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what was answered and noted before the posts came to us: nobody is told of it, and it stops no clock."""
    if rows:
        kept = {"said_by": SaidBy.STAFF, "delivery": Delivery.NONE, "waits_for": []}
        addressed = ((row["feedback_id"] if row["kind"] == REPLY else None, row) for row in rows)
        values = [{"id": uuid7(), "addressee_id": whose, **kept, **row} for whose, row in addressed]
        await session.execute(insert(FeedbackMessage), values)


async def spoken_to(session: AsyncSession, feedback_ids: Collection[UUID], *, since: datetime) -> set[UUID]:
    """Return to which of some posts somebody answered, or noted something, since a time."""
    return await queries.spoken_to(session, feedback_ids, since)


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
        await drafts.forget(session, feedback_ids)
        streams = [f"feedback/{id}{kind}" for id in feedback_ids for kind in ("", INTERNAL_STREAM)]
        await outbox.forget(session, streams, user_ids)
        outbox.append(session, FeedbackErased(erasure_id=erasure_id, feedback_ids=list(feedback_ids)))
    await persons.forget(session, user_ids, emails)
    await forgetting.forget(session, user_ids)
