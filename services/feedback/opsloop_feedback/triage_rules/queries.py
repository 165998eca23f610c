"""Everything that reads triage rules."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.triage_rules.models import TriageRule

IN_ORDER = (TriageRule.position.asc(), TriageRule.id.asc())
RULES = select(TriageRule.id).subquery()


def triage_rules() -> Select[TriageRule]:
    """Return the query of the workspace's rules."""
    return select(TriageRule)


async def enabled_rules(session: AsyncSession) -> Sequence[TriageRule]:
    """Return the workspace's rules that are enabled, in their order."""
    own = (TriageRule.workspace == context_of(session).workspace, TriageRule.enabled)
    return (await session.scalars(select(TriageRule).where(*own).order_by(*IN_ORDER))).all()


async def stamp(session: AsyncSession) -> str:
    """Return what changes whenever a rule of the workspace does."""
    own = TriageRule.workspace == context_of(session).workspace
    told = func.string_agg(func.concat(TriageRule.id, ":", TriageRule.version), ",")
    return str(await session.scalar(select(told).where(own)))


async def has_named(session: AsyncSession, name: str) -> bool:
    """Say whether the workspace has a rule of a name."""
    own = (TriageRule.workspace == context_of(session).workspace, TriageRule.name == name)
    return (await session.scalars(select(TriageRule.id).where(*own))).first() is not None


async def get_rule(session: AsyncSession, rule_id: UUID) -> TriageRule:
    """Return a rule; raises NotFound."""
    return await resources.get(session, TriageRule, TriageRule.id == rule_id)


async def lock_rule(session: AsyncSession, rule_id: UUID, expected: Precondition) -> TriageRule:
    """Lock and return a rule in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, TriageRule, TriageRule.id == rule_id, expected=expected)
