"""HTTP doors of synonyms."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.synonyms import queries, service
from opsloop_feedback.synonyms.models import SynonymGroup
from opsloop_feedback.synonyms.schemas import SynonymsIn, SynonymsOut, SynonymsPatch

router = ApiRouter(tags=["synonyms"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")
ONE = "/v1/synonyms/{synonym_id}"


def _answer(response: Response, group: SynonymGroup) -> SynonymsOut:
    set_etag(response, group.version)
    return SynonymsOut.model_validate(group)


@router.post("/v1/synonyms", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_synonyms(body: SynonymsIn, session: Db, response: Response) -> SynonymsOut:
    """Say which words mean one thing, for similar feedback and search. All posts are read again (`job_id`)."""
    group = await service.create_synonyms(session, body.terms)
    set_location(response, f"/v1/synonyms/{group.id}")
    return _answer(response, group)


@router.get("/v1/synonyms", dependencies=[READ])
async def list_synonyms(session: Db, who: Who, page: PageQuery) -> Listing[SynonymsOut]:
    """List the workspace's own synonyms, newest first; those that are shipped are known beside them."""
    found = await paginate(session, queries.groups(who.workspace), page, by=queries.NEWEST_FIRST)
    return found.map(SynonymsOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_synonyms(synonym_id: UUID, session: Db, response: Response) -> SynonymsOut:
    """Show a group of synonyms."""
    return _answer(response, await queries.get_group(session, synonym_id))


@router.patch(ONE, dependencies=[WRITE], responses=problems(404, 412))
async def update_synonyms(
    synonym_id: UUID, body: SynonymsPatch, session: Db, response: Response, expected: IfMatch
) -> SynonymsOut:
    """Say other words. All posts are read again (`job_id`)."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_synonyms(session, synonym_id, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_synonyms(synonym_id: UUID, session: Db, expected: IfMatch) -> None:
    """Let words mean what they mean again. All posts are read again."""
    await service.delete_synonyms(session, synonym_id, expected=expected)
