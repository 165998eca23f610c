"""The HTTP doors of policies."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import InModel
from opsloop_feedback.shapes import changes_of
from opsloop_feedback.sla_policies import queries, service
from opsloop_feedback.sla_policies.models import SlaPolicy
from opsloop_feedback.sla_policies.schemas import SlaPolicyIn, SlaPolicyOut, SlaPolicyPatch

router = ApiRouter(tags=["service levels"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, policy: SlaPolicy) -> SlaPolicyOut:
    set_etag(response, policy.version)
    return SlaPolicyOut.model_validate(policy)


def _fields(body: InModel, said: dict[str, Any]) -> dict[str, Any]:
    """Return what was said, conditions as they are stored."""
    return said | ({"when": body.model_dump(mode="json", include={"when"})["when"]} if "when" in said else {})


@router.post("/v1/sla-policies", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_sla_policy(body: SlaPolicyIn, session: Db, response: Response) -> SlaPolicyOut:
    """Promise replies and resolutions within working time, for posts that come in from now on."""
    policy = await service.create_policy(session, _fields(body, body.model_dump()))
    set_location(response, f"/v1/sla-policies/{policy.id}")
    return _answer(response, policy)


@router.get("/v1/sla-policies", dependencies=[READ])
async def list_sla_policies(session: Db, who: Who, page: PageQuery) -> Listing[SlaPolicyOut]:
    """List policies in the order in which they are asked."""
    rows = await paginate(session, queries.policies(who.workspace), page, by=queries.AS_ASKED)
    return rows.map(SlaPolicyOut.model_validate)


@router.get("/v1/sla-policies/{sla_policy_id}", dependencies=[READ], responses=problems(404))
async def get_sla_policy(sla_policy_id: UUID, session: Db, response: Response) -> SlaPolicyOut:
    """Show a policy."""
    return _answer(response, await queries.get_policy(session, sla_policy_id))


@router.patch("/v1/sla-policies/{sla_policy_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_sla_policy(
    sla_policy_id: UUID, body: SlaPolicyPatch, session: Db, expected: IfMatch, response: Response
) -> SlaPolicyOut:
    """Change a policy; clocks that run already keep what was promised when they began."""
    changes = _fields(body, changes_of(body, mode="python"))
    return _answer(response, await service.change_policy(session, sla_policy_id, changes, expected=expected))


@router.delete("/v1/sla-policies/{sla_policy_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_sla_policy(sla_policy_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a policy away; its clocks run on."""
    await service.delete_policy(session, sla_policy_id, expected=expected)
