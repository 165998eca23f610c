"""HTTP doors of personas."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.personas import queries, service
from opsloop_metrics.personas.models import Persona
from opsloop_metrics.personas.schemas import PersonaIn, PersonaOut, PersonaVersionOut

router = ApiRouter(tags=["segments"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]
ONE = "/v1/segments/{segment_id}/persona"
MADE: dict[int | str, dict[str, Any]] = {201: {"model": PersonaOut, "description": "The first version."}}


def _answer(response: Response, persona: Persona) -> PersonaOut:
    set_etag(response, persona.version)
    return PersonaOut.model_validate(persona)


@router.put(ONE, dependencies=WRITE, responses=MADE | problems(404, 409, 412))
async def write_persona(
    segment_id: UUID, body: PersonaIn, session: Db, expected: IfMatch, response: Response
) -> PersonaOut:
    """Say what the people of a segment are like; each change is a version."""
    written = body.model_dump(mode="json")
    persona, is_new = await service.write_persona(session, segment_id, written, expected=expected)
    if is_new:
        response.status_code = 201
        set_location(response, f"/v1/segments/{segment_id}/persona")
    return _answer(response, persona)


@router.get(ONE, dependencies=READ, responses=problems(404))
async def get_persona(segment_id: UUID, session: Db, response: Response) -> PersonaOut:
    """Show what the people of a segment are like."""
    return _answer(response, await queries.get_persona(session, segment_id))


@router.get(f"{ONE}/versions", dependencies=READ, responses=problems(404))
async def list_persona_versions(segment_id: UUID, session: Db, page: PageQuery) -> Listing[PersonaVersionOut]:
    """List what was written, the newest first."""
    await queries.get_persona(session, segment_id)
    found = await paginate(session, queries.versions(segment_id), page, by=queries.NEWEST_FIRST)
    return found.map(PersonaVersionOut.model_validate)
