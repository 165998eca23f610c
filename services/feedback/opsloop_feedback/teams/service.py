"""Use cases of teams."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources
from opsloop_common.errors import Conflict, Invalid
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import take_place
from opsloop_feedback.calendars import service as calendars
from opsloop_feedback.teams import queries
from opsloop_feedback.teams.models import Team as Team


async def create_team(session: AsyncSession, fields: Mapping[str, Any]) -> Team:
    """Add a team; raises Invalid (422), Conflict (409) for a name that is taken, TooMany."""
    await _require_calendars(session, fields["calendar_id"], fields["members"])
    await take_place(session, queries.TEAMS, most=limits.TEAMS_PER_WORKSPACE, what="teams")
    if await queries.has_named(session, fields["name"]):
        raise Conflict("There is a team of this name.")
    return resources.create(session, Team, **(dict(fields) | {"members": _stored(fields["members"])}))


async def change_team(
    session: AsyncSession, team_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Team:
    """Change a team; raises Invalid (422). What its people were given stays theirs."""
    team = await queries.lock_team(session, team_id, expected)
    await _require_calendars(session, changes.get("calendar_id"), changes.get("members", ()))
    given = dict(changes)
    if "members" in given:
        given["members"] = _stored(given["members"])
    with changing(session, team, given):
        return team


async def delete_team(session: AsyncSession, team_id: UUID, *, expected: Precondition) -> None:
    """Throw a team away; posts keep its name, and rules that name it assign nobody."""
    await resources.delete(session, await queries.lock_team(session, team_id, expected))


async def lock_teams(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Team]:
    """Return those of some teams that are there, held until the transaction ends."""
    return await queries.lock_teams(session, ids)


async def find_named(session: AsyncSession, name: str) -> Team | None:
    """Return the team that posts name so, or None."""
    return await queries.find_named(session, name)


async def find_teams(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Team]:
    """Return those of some teams that are there."""
    return await queries.find_teams(session, ids)


def _stored(members: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [dict(one) | {"calendar_id": one["calendar_id"] and str(one["calendar_id"])} for one in members]


async def _require_calendars(session: AsyncSession, own: UUID | None, members: Sequence[Mapping[str, Any]]) -> None:
    await calendars.require_calendar(session, own, "/calendar_id")
    named = {one["calendar_id"] for one in members} - {None}
    known = await calendars.read_calendars(session, named)
    for place, one in enumerate(members):
        if one["calendar_id"] is not None and one["calendar_id"] not in known:
            raise Invalid(f"/members/{place}/calendar_id", "is no calendar of this workspace")
