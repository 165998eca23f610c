"""Everything that reads alert rules."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.alert_rules.models import AlertRule

NEWEST_FIRST = (AlertRule.id.desc(),)
RULES = select(AlertRule.id).subquery()


def alert_rules(workspace: str) -> Select[AlertRule]:
    """Return the query of a workspace's rules, to be paged."""
    return select(AlertRule).where(AlertRule.workspace == workspace)


async def all_rules(session: AsyncSession) -> Sequence[AlertRule]:
    """Return all rules of the session's workspace."""
    return (await session.scalars(alert_rules(context_of(session).workspace).order_by(AlertRule.id))).all()


async def has_named(session: AsyncSession, name: str) -> bool:
    """Say whether the session's workspace has a rule of a name."""
    return (
        await session.scalars(alert_rules(context_of(session).workspace).where(AlertRule.name == name))
    ).first() is not None


async def get_rule(session: AsyncSession, rule_id: UUID) -> AlertRule:
    """Return a rule; raises NotFound."""
    return await resources.get(session, AlertRule, AlertRule.id == rule_id)


async def lock_rule(session: AsyncSession, rule_id: UUID, expected: Precondition) -> AlertRule:
    """Lock and return a rule in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, AlertRule, AlertRule.id == rule_id, expected=expected)
