"""Everything that reads escalation policies and escalations."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.escalations.models import Escalation, EscalationPolicy

AS_ASKED = (EscalationPolicy.position.asc(), EscalationPolicy.id.asc())
POLICIES = select(EscalationPolicy.id).subquery()


def policies(workspace: str) -> Select[EscalationPolicy]:
    """Return the query of a workspace's policies, to be paged."""
    return select(EscalationPolicy).where(EscalationPolicy.workspace == workspace)


async def all_policies(session: AsyncSession) -> Sequence[EscalationPolicy]:
    """Return the policies of the session's workspace in the order in which they are asked."""
    return (await session.scalars(policies(context_of(session).workspace).order_by(*AS_ASKED))).all()


async def get_policy(session: AsyncSession, policy_id: UUID) -> EscalationPolicy:
    """Return a policy; raises NotFound."""
    return await resources.get(session, EscalationPolicy, EscalationPolicy.id == policy_id)


async def find_policy(session: AsyncSession, policy_id: UUID) -> EscalationPolicy | None:
    """Return a policy, None when it is gone."""
    return await resources.find(session, EscalationPolicy, EscalationPolicy.id == policy_id)


async def lock_policy(session: AsyncSession, policy_id: UUID, expected: Precondition) -> EscalationPolicy:
    """Lock and return a policy in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(
        session, EscalationPolicy, EscalationPolicy.id == policy_id, expected=expected
    )


async def lock_escalation(session: AsyncSession, alert_id: UUID) -> Escalation | None:
    """Lock and return how far an alert was taken, None when it is not on its way."""
    own = Escalation.workspace == context_of(session).workspace
    query = select(Escalation).where(own, Escalation.alert_id == alert_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
