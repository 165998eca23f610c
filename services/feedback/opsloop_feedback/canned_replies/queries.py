"""Everything that reads canned replies."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_feedback.canned_replies.models import CannedReply

NEWEST_FIRST = (CannedReply.id.desc(),)
CANNED_REPLIES = select(CannedReply.id).subquery()


def canned_replies(workspace: str) -> Select[CannedReply]:
    """Return the query of a workspace's canned replies, to be paged."""
    return select(CannedReply).where(CannedReply.workspace == workspace)


async def get_canned_reply(session: AsyncSession, canned_reply_id: UUID) -> CannedReply:
    """Return a canned reply; raises NotFound."""
    return await resources.get(session, CannedReply, CannedReply.id == canned_reply_id)


async def find_canned_reply(session: AsyncSession, canned_reply_id: UUID) -> CannedReply | None:
    """Return a canned reply, None when it is gone."""
    return await resources.find(session, CannedReply, CannedReply.id == canned_reply_id)


async def lock_canned_reply(session: AsyncSession, canned_reply_id: UUID, expected: Precondition) -> CannedReply:
    """Lock and return a canned reply in the version expected; raises NotFound, StaleVersion."""
    named = CannedReply.id == canned_reply_id
    return await resources.lock_for_change(session, CannedReply, named, expected=expected)
