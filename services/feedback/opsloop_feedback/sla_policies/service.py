"""Use cases of policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.filters import read_filter
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.calendars import service as calendars
from opsloop_feedback.facts.rules import require_known
from opsloop_feedback.sla_policies import queries, rules
from opsloop_feedback.sla_policies.models import SlaPolicy
from opsloop_feedback.sla_policies.rules import Policy, Target


async def policies_in_force(session: AsyncSession) -> list[Policy]:
    """Return the enabled policies of the session's workspace in the order in which they are asked."""
    return [_read(row) for row in await queries.policies_in_force(session)]


def _read(row: SlaPolicy) -> Policy:
    promised = {target: getattr(row, target.value) for target in Target}
    return Policy(
        id=row.id,
        name=row.name,
        made_at=row.created_at,
        when=read_filter(row.when),
        calendar_id=row.calendar_id,
        targets={target: within for target, within in promised.items() if within is not None},
        approaching_percent=row.approaching_percent,
    )


async def create_policy(session: AsyncSession, fields: Mapping[str, Any]) -> SlaPolicy:
    """Add a policy, for posts that come in from now on; raises Invalid (422), TooMany."""
    rules.require_target(fields[target] for target in Target)
    require_known(read_filter(fields["when"]), "/when")
    await calendars.require_calendar(session, fields["calendar_id"], "/calendar_id")
    await take_place(session, queries.POLICIES, most=limits.SLA_POLICIES_PER_WORKSPACE, what="SLA policies")
    return resources.create(session, SlaPolicy, **fields)


async def change_policy(
    session: AsyncSession, policy_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> SlaPolicy:
    """Change a policy, for clocks that begin later; raises Invalid (422)."""
    policy = await queries.lock_policy(session, policy_id, expected)
    await calendars.require_calendar(session, changes.get("calendar_id"), "/calendar_id")
    with changing(session, policy, changes) as before:
        rules.require_target(getattr(policy, target) for target in Target)
        if "when" in before:
            require_known(read_filter(policy.when), "/when")
    return policy


async def delete_policy(session: AsyncSession, policy_id: UUID, *, expected: Precondition) -> None:
    """Throw a policy away; its clocks run on."""
    await resources.delete(session, await queries.lock_policy(session, policy_id, expected))
