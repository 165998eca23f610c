"""Use cases of macros: kept, and applied to a post in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.access import audit
from opsloop_common.errors import Conflict, Invalid, NotFound
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.canned_replies import service as canned_replies
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.macros import queries, rules
from opsloop_feedback.macros.models import Macro


async def create_macro(session: AsyncSession, fields: Mapping[str, Any]) -> Macro:
    """Add a macro; raises Invalid (422), TooMany."""
    rules.require_action(fields)
    await _require_reply(session, fields["canned_reply_id"])
    await take_place(session, queries.MACROS, most=limits.MACROS_PER_WORKSPACE, what="macros")
    return resources.create(session, Macro, **fields)


async def change_macro(
    session: AsyncSession, macro_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Macro:
    """Change a macro; raises Invalid (422). What was done with it stays."""
    macro = await queries.lock_macro(session, macro_id, expected)
    if changes.get("canned_reply_id") != macro.canned_reply_id:
        await _require_reply(session, changes.get("canned_reply_id"))
    with changing(session, macro, changes):
        rules.require_action({name: getattr(macro, name) for name in rules.ACTIONS})
    return macro


async def delete_macro(session: AsyncSession, macro_id: UUID, *, expected: Precondition) -> None:
    """Throw a macro away."""
    await resources.delete(session, await queries.lock_macro(session, macro_id, expected))


async def _require_reply(session: AsyncSession, canned_reply_id: UUID | None) -> None:
    if canned_reply_id is not None and not await canned_replies.has_canned_reply(session, canned_reply_id):
        raise Invalid("/canned_reply_id", "is no canned reply of this workspace")


async def apply_macro(session: AsyncSession, feedback_id: UUID, macro_id: UUID, *, expected: Precondition) -> Feedback:
    """Do all that a macro says to a feedback, or nothing: reply, note, labels, state and whose it is.

    Raises NotFound, StaleVersion (412) when the feedback is another than was seen, IllegalTransition and Conflict (409).
    """
    feedback = await items.lock_feedback(session, feedback_id, expected)
    macro = await queries.get_macro(session, macro_id)
    if macro.canned_reply_id is not None:
        await _reply(session, feedback_id, macro.canned_reply_id)
    if macro.note is not None:
        await conversations.add_message(session, feedback_id, kind="note", body=macro.note)
    does = {name: getattr(macro, name) for name in rules.ACTIONS}
    post = {"status": feedback.status, "team": feedback.team, "assignee": feedback.assignee, "tags": feedback.tags}
    changes = rules.changes_of(does, post)
    audit.record(session, "macro.applied", macro.subject, after={"feedback_id": feedback_id})
    return await items.change_feedback(session, feedback_id, changes, expected=ANY_VERSION)


async def _reply(session: AsyncSession, feedback_id: UUID, canned_reply_id: UUID) -> None:
    try:
        said = await canned_replies.said_to(session, feedback_id, canned_reply_id)
    except NotFound as error:
        raise Conflict("The canned reply of this macro is gone.") from error
    await conversations.add_message(session, feedback_id, kind=conversations.REPLY, body=said["body"])
