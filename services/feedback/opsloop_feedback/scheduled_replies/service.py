"""Use cases of scheduled replies: written now, said once when their time comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.calendars import rules as calendar_rules
from opsloop_feedback.calendars import service as calendars
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.scheduled_replies import queries, rules
from opsloop_feedback.scheduled_replies.models import ScheduledReply
from opsloop_feedback.scheduled_replies.rules import ScheduledStatus
from opsloop_feedback.states.rules import FINISHED
from opsloop_feedback.teams import service as teams

SAY = "feedback.say_scheduled"


async def schedule_reply(session: AsyncSession, feedback_id: UUID, fields: Mapping[str, Any]) -> ScheduledReply:
    """Write down what is said to an author later; raises NotFound, Invalid (422), Conflict (409), TooMany."""
    target = await _target(session, feedback_id)
    rules.require_one_time(fields["send_at"], at_opening=fields["at_opening"])
    send_at = await _time(session, target, fields)
    await take_place(session, queries.UNSENT, most=rules.MOST_UNSENT, what="scheduled replies that were not sent")
    if await queries.count_unsent(session, feedback_id) >= rules.MOST_OF_A_POST:
        raise TooMany(f"a feedback has at most {rules.MOST_OF_A_POST} scheduled replies; cancel one first")
    reply = resources.create(
        session,
        ScheduledReply,
        feedback_id=feedback_id,
        body=fields["body"],
        send_at=send_at,
        status=ScheduledStatus.WAITING.value,
        was_finished=target.status in FINISHED,
        actor=context_of(session).actor,
    )
    await due.schedule(session, SAY, str(reply.id), send_at, replace=True)
    return reply


async def change_reply(
    session: AsyncSession, reply_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> ScheduledReply:
    """Have something else said, or at another time, by which one that was held waits again.

    Raises NotFound, Invalid (422), StaleVersion (412), Conflict (409) for one that was said.
    """
    reply = await queries.lock_reply(session, reply_id, expected)
    rules.require_unsent(ScheduledStatus(reply.status))
    given = {name: changes[name] for name in ("body",) if name in changes}
    if changes.get("send_at", reply.send_at) != reply.send_at:
        target = await _target(session, reply.feedback_id)
        given["send_at"] = await _time(session, target, changes)
        given |= {"status": ScheduledStatus.WAITING.value, "held_because": None}
        given["was_finished"] = target.status in FINISHED
        await due.schedule(session, SAY, str(reply.id), given["send_at"], replace=True)
    with changing(session, reply, given) as before:
        if before:
            reply.actor = context_of(session).actor
    return reply


async def cancel_reply(session: AsyncSession, reply_id: UUID, *, expected: Precondition) -> None:
    """Have it not said; raises NotFound, StaleVersion (412), Conflict (409) when it was."""
    reply = await queries.lock_reply(session, reply_id, expected)
    rules.require_unsent(ScheduledStatus(reply.status))
    await due.cancel(session, SAY, str(reply.id))
    await resources.delete(session, reply)


async def say(session: AsyncSession, reply_id: UUID) -> None:
    """Say what is due, or hold it; what was said, is not due any more or is gone is left alone.

    It is said in the transaction that notes that it was: tried again after a crash, it is said once.
    """
    found = await queries.find_reply(session, reply_id)
    if found is None:
        return
    # the post first, as whoever works on it does
    target = await _target(session, found.feedback_id)
    await items.find_and_lock(session, target.id)
    reply = await queries.find_and_lock(session, reply_id)
    if reply is None or reply.status != ScheduledStatus.WAITING or reply.send_at > clock_of(session).now():
        return
    why = rules.why_held(is_finished=target.status in FINISHED, was_finished=reply.was_finished)
    if why is not None:
        with changing(session, reply, {"status": ScheduledStatus.HELD.value, "held_because": why.value}):
            return
    message = await conversations.add_message(
        session, reply.feedback_id, kind=conversations.REPLY, body=reply.body, actor=reply.actor
    )
    with changing(session, reply, {"status": ScheduledStatus.SENT.value, "message_id": message.id}):
        return


async def forget(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Throw away what was to be said to people who were erased."""
    own = ScheduledReply.workspace == context_of(session).workspace
    theirs = delete(ScheduledReply).where(own, ScheduledReply.feedback_id.in_(feedback_ids))
    await session.execute(theirs.execution_options(synchronize_session=False))


async def _target(session: AsyncSession, feedback_id: UUID) -> Feedback:
    """Return the feedback in whose conversation a reply to one lands; raises NotFound."""
    asked = await items.get_feedback(session, feedback_id)
    return asked if asked.merged_into_id is None else await items.get_feedback(session, asked.merged_into_id)


async def _time(session: AsyncSession, feedback: Feedback, fields: Mapping[str, Any]) -> datetime:
    now = clock_of(session).now()
    send_at: datetime | None = fields.get("send_at")
    if send_at is not None:
        rules.require_ahead(send_at, now)
        return send_at
    team = None if feedback.team is None else await teams.find_named(session, feedback.team)
    if team is None or team.calendar_id is None:
        raise Conflict("The feedback is with no team that goes by a calendar; give `send_at`.")
    calendar = (await calendars.read_calendars(session, [team.calendar_id]))[team.calendar_id]
    opens_at = calendar_rules.opens_after(calendar, now)
    if opens_at is None or opens_at > now + rules.LONGEST_AHEAD:
        raise Conflict("The calendar of the team opens at no time that anybody plans with; give `send_at`.")
    return opens_at
