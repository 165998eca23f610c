"""Everything that reads policies."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.sla_policies.models import SlaPolicy

AS_ASKED = (SlaPolicy.position.asc(), SlaPolicy.id.asc())
POLICIES = select(SlaPolicy.id).subquery()


def policies(workspace: str) -> Select[SlaPolicy]:
    """Return the query of a workspace's policies, to be paged."""
    return select(SlaPolicy).where(SlaPolicy.workspace == workspace)


async def policies_in_force(session: AsyncSession) -> Sequence[SlaPolicy]:
    """Return the enabled policies of the session's workspace in the order in which they are asked."""
    query = policies(context_of(session).workspace).where(SlaPolicy.enabled).order_by(*AS_ASKED)
    return (await session.scalars(query)).all()


async def get_policy(session: AsyncSession, policy_id: UUID) -> SlaPolicy:
    """Return a policy; raises NotFound."""
    return await resources.get(session, SlaPolicy, SlaPolicy.id == policy_id)


async def lock_policy(session: AsyncSession, policy_id: UUID, expected: Precondition) -> SlaPolicy:
    """Lock and return a policy in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, SlaPolicy, SlaPolicy.id == policy_id, expected=expected)
