"""The HTTP doors of teams."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.shapes import changes_of
from opsloop_feedback.teams import queries, service
from opsloop_feedback.teams.models import Team
from opsloop_feedback.teams.schemas import TeamIn, TeamOut, TeamPatch

router = ApiRouter(tags=["teams"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, team: Team) -> TeamOut:
    set_etag(response, team.version)
    return TeamOut.model_validate(team)


@router.post("/v1/teams", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_team(body: TeamIn, session: Db, response: Response) -> TeamOut:
    """Say who works on posts together, and when."""
    team = await service.create_team(session, body.model_dump())
    set_location(response, f"/v1/teams/{team.id}")
    return _answer(response, team)


@router.get("/v1/teams", dependencies=[READ])
async def list_teams(session: Db, who: Who, page: PageQuery) -> Listing[TeamOut]:
    """List teams, newest first."""
    rows = await paginate(session, queries.teams(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(TeamOut.model_validate)


@router.get("/v1/teams/{team_id}", dependencies=[READ], responses=problems(404))
async def get_team(team_id: UUID, session: Db, response: Response) -> TeamOut:
    """Show a team."""
    return _answer(response, await queries.get_team(session, team_id))


@router.patch("/v1/teams/{team_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_team(team_id: UUID, body: TeamPatch, session: Db, expected: IfMatch, response: Response) -> TeamOut:
    """Change who is in a team, who is away, and when it works."""
    changes = changes_of(body, mode="python")
    return _answer(response, await service.change_team(session, team_id, changes, expected=expected))


@router.delete("/v1/teams/{team_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_team(team_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a team away; posts keep its name."""
    await service.delete_team(session, team_id, expected=expected)
