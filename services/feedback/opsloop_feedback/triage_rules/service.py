"""Use cases of triage rules: a team writes them; they hold for what comes in from then on, at once here and everywhere within 5 s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.errors import Conflict
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.sorter_memory.service import forget_after_commit
from opsloop_feedback.triage_rules import queries, rules
from opsloop_feedback.triage_rules.models import TriageRule
from opsloop_feedback.triage_rules.rules import TeamRule


async def create_rule(session: AsyncSession, fields: Mapping[str, Any]) -> TriageRule:
    """Add a rule; raises Invalid (422), Conflict (409) for a name that is taken, TooMany."""
    require_meant(fields)
    await take_place(session, queries.RULES, most=limits.TRIAGE_RULES_PER_WORKSPACE, what="triage rules")
    if await queries.has_named(session, fields["name"]):
        raise Conflict("There is a triage rule of this name.")
    forget_after_commit(session)
    return resources.create(session, TriageRule, **fields)


def require_meant(fields: Mapping[str, Any]) -> None:
    """Raise Invalid (422) for a rule that looks at what no post has, or decides nothing."""
    rules.require_known(fields["when"], "/when")
    rules.require_decision({name: fields[name] for name in rules.DECIDES}, fields["add_tags"])


async def change_rule(
    session: AsyncSession, rule_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> TriageRule:
    """Change a rule; raises Invalid (422). What was sorted by it stays."""
    rule = await queries.lock_rule(session, rule_id, expected)
    with changing(session, rule, changes) as before:
        if before:
            require_meant({name: getattr(rule, name) for name in ("when", *rules.DECIDES, "add_tags")})
            forget_after_commit(session)
    return rule


async def delete_rule(session: AsyncSession, rule_id: UUID, *, expected: Precondition) -> None:
    """Throw a rule away; what was sorted by it stays."""
    await resources.delete(session, await queries.lock_rule(session, rule_id, expected))
    forget_after_commit(session)


async def team_rules(session: AsyncSession) -> tuple[TeamRule, ...]:
    """Return what the workspace's team decided, in its order."""
    return tuple(rule for _, rule in await placed_rules(session))


async def placed_rules(session: AsyncSession) -> list[tuple[int, TeamRule]]:
    """Return what the workspace's team decided, in its order, each with its position."""
    names = ("name", "position", "when", *rules.DECIDES, "add_tags")
    rows = await queries.enabled_rules(session)
    return [_placed({name: getattr(row, name) for name in names}, id=str(row.id)) for row in rows]


def as_placed(fields: Mapping[str, Any], *, id: str) -> tuple[int, TeamRule] | None:
    """Return a rule that is none yet, with its position, None when it is not enabled; raises Invalid (422)."""
    require_meant(fields)
    return _placed(fields, id=id) if fields["enabled"] else None


async def require_rule(session: AsyncSession, rule_id: UUID) -> None:
    """Raise NotFound (404) for a rule that is not there."""
    await queries.get_rule(session, rule_id)


def _placed(fields: Mapping[str, Any], *, id: str) -> tuple[int, TeamRule]:
    decides = {name: fields[name] for name in rules.DECIDES}
    rule = rules.read_rule(
        id=id, name=fields["name"], when=fields["when"], decides=decides, add_tags=fields["add_tags"]
    )
    return fields["position"], rule


async def stamp(session: AsyncSession) -> str:
    """Return what changes whenever `team_rules` may."""
    return await queries.stamp(session)
