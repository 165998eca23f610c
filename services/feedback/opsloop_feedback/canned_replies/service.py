"""Use cases of canned replies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.canned_replies import queries, rules
from opsloop_feedback.canned_replies.models import CannedReply
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback


async def create_canned_reply(session: AsyncSession, fields: Mapping[str, Any]) -> CannedReply:
    """Add a canned reply; raises Invalid (422), TooMany."""
    rules.require_places(fields["texts"])
    most = limits.CANNED_REPLIES_PER_WORKSPACE
    await take_place(session, queries.CANNED_REPLIES, most=most, what="canned replies")
    return resources.create(session, CannedReply, **fields)


async def change_canned_reply(
    session: AsyncSession, canned_reply_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> CannedReply:
    """Change a canned reply; raises Invalid (422). What was said with it stays."""
    reply = await queries.lock_canned_reply(session, canned_reply_id, expected)
    rules.require_places(changes.get("texts", ()))
    with changing(session, reply, changes):
        return reply


async def delete_canned_reply(session: AsyncSession, canned_reply_id: UUID, *, expected: Precondition) -> None:
    """Throw a canned reply away; macros that name it are refused."""
    await resources.delete(session, await queries.lock_canned_reply(session, canned_reply_id, expected))


async def has_canned_reply(session: AsyncSession, canned_reply_id: UUID) -> bool:
    """Say whether there is a canned reply of this id."""
    return await queries.find_canned_reply(session, canned_reply_id) is not None


async def said_to(session: AsyncSession, feedback_id: UUID, canned_reply_id: UUID) -> dict[str, str]:
    """Return what a canned reply says to the author of a feedback, and in which language; raises NotFound, Invalid (422)."""
    feedback = await items.get_feedback(session, feedback_id)
    reply = await queries.get_canned_reply(session, canned_reply_id)
    seen = str(feedback.triage.get("language"))
    text = rules.text_for(reply.texts, [feedback.locale, rules.SPOKEN.get(seen, seen)])
    return {"locale": text["locale"], "body": rules.filled(text["body"], _values(feedback))}


def _values(feedback: Feedback) -> dict[str, str | None]:
    named = {name: getattr(feedback, name) for name in rules.PLACES if "." not in name}
    author = {"author.name": feedback.author_name, "author.user_id": feedback.author_user_id}
    return {name: None if value is None else str(value) for name, value in (named | author).items()}
