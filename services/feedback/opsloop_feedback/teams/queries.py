"""Everything that reads teams."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.columns import comparable_column
from opsloop_common.db import context_of
from opsloop_common.invisible import comparable
from opsloop_common.versions import Precondition
from opsloop_feedback.teams.models import Team

NEWEST_FIRST = (Team.id.desc(),)
TEAMS = select(Team.id).subquery()


def teams(workspace: str) -> Select[Team]:
    """Return the query of a workspace's teams, to be paged."""
    return select(Team).where(Team.workspace == workspace)


async def get_team(session: AsyncSession, team_id: UUID) -> Team:
    """Return a team; raises NotFound."""
    return await resources.get(session, Team, Team.id == team_id)


async def lock_team(session: AsyncSession, team_id: UUID, expected: Precondition) -> Team:
    """Lock and return a team in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Team, Team.id == team_id, expected=expected)


async def has_named(session: AsyncSession, name: str) -> bool:
    """Say whether there is a team that people would read as this name."""
    own = Team.workspace == context_of(session).workspace
    named = select(func.count()).select_from(Team).where(own, comparable_column(Team.name) == comparable(name))
    return (await session.scalars(named)).one() > 0


async def find_named(session: AsyncSession, name: str) -> Team | None:
    """Return the team that posts name so, or None."""
    return await resources.find(session, Team, Team.name == name)


async def find_teams(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Team]:
    """Return those of some teams that are there."""
    if not ids:
        return ()
    return (await session.scalars(teams(context_of(session).workspace).where(Team.id.in_(ids)))).all()


async def lock_teams(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Team]:
    """Lock and return those of some teams that are there."""
    return await resources.lock_all(session, Team, Team.id.in_(ids)) if ids else ()
