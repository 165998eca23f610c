"""Everything that reads routing rules and turns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.routing_rules.models import RoutingRule, RoutingTurn

AS_ASKED = (RoutingRule.position.asc(), RoutingRule.id.asc())
RULES = select(RoutingRule.id).subquery()


def routing_rules(workspace: str) -> Select[RoutingRule]:
    """Return the query of a workspace's rules, to be paged."""
    return select(RoutingRule).where(RoutingRule.workspace == workspace)


async def rules_in_force(session: AsyncSession) -> Sequence[RoutingRule]:
    """Return the enabled rules of the session's workspace in the order in which they are asked."""
    query = routing_rules(context_of(session).workspace).where(RoutingRule.enabled).order_by(*AS_ASKED)
    return (await session.scalars(query)).all()


async def get_rule(session: AsyncSession, rule_id: UUID) -> RoutingRule:
    """Return a rule; raises NotFound."""
    return await resources.get(session, RoutingRule, RoutingRule.id == rule_id)


async def find_rule(session: AsyncSession, rule_id: UUID) -> RoutingRule | None:
    """Return a rule, None when it is gone."""
    return await resources.find(session, RoutingRule, RoutingRule.id == rule_id)


async def lock_rule(session: AsyncSession, rule_id: UUID, expected: Precondition) -> RoutingRule:
    """Lock and return a rule in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, RoutingRule, RoutingRule.id == rule_id, expected=expected)


async def turns_of(session: AsyncSession, team_ids: Collection[UUID]) -> dict[UUID, dict[str, int]]:
    """Return whose turn was when, of some teams."""
    found: dict[UUID, dict[str, int]] = {}
    for turn in await session.scalars(select(RoutingTurn).where(RoutingTurn.team_id.in_(team_ids))):
        found.setdefault(turn.team_id, {})[turn.user_id] = turn.turn
    return found
