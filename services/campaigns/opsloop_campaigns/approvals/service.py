"""Ask whether who is at work may approve."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.approvals import rules
from opsloop_common import workspaces
from opsloop_common.access.kinship import same_hand
from opsloop_common.db import context_of


async def require_may_approve(session: AsyncSession, writers: Collection[str]) -> str:
    """Return the actor at work, who may approve what `writers` wrote; raises SelfApproval."""
    actor = context_of(session).actor
    workspace = await workspaces.get(session)
    hand = await same_hand(session, actor)
    rules.require_other_approver(hand, writers, self_approval=workspace.allow_self_approval)
    return actor


async def allows_self_approval(session: AsyncSession) -> bool:
    """Say whether everybody in the workspace may approve what they wrote."""
    return (await workspaces.get(session)).allow_self_approval
