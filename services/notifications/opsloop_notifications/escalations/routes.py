"""The HTTP door of escalation policies."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.escalations import queries, service
from opsloop_notifications.escalations.models import EscalationPolicy
from opsloop_notifications.escalations.schemas import PolicyIn, PolicyOut, PolicyPatch
from opsloop_notifications.shapes import changes_of

router = ApiRouter(tags=["alerts"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")


def _answer(response: Response, policy: EscalationPolicy) -> PolicyOut:
    set_etag(response, policy.version)
    return PolicyOut.model_validate(policy)


@router.post("/v1/escalation-policies", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_escalation_policy(body: PolicyIn, session: Db, response: Response) -> PolicyOut:
    """Say whom alerts are taken to while nobody sees to them."""
    fields = body.model_dump(mode="json") | {"reopens_after": body.reopens_after}
    policy = await service.create_policy(session, fields)
    set_location(response, f"/v1/escalation-policies/{policy.id}")
    return _answer(response, policy)


@router.get("/v1/escalation-policies", dependencies=[READ])
async def list_escalation_policies(session: Db, who: Who, page: PageQuery) -> Listing[PolicyOut]:
    """List policies in the order in which they are asked."""
    rows = await paginate(session, queries.policies(who.workspace), page, by=queries.AS_ASKED)
    return rows.map(PolicyOut.model_validate)


@router.get("/v1/escalation-policies/{policy_id}", dependencies=[READ], responses=problems(404))
async def get_escalation_policy(policy_id: UUID, session: Db, response: Response) -> PolicyOut:
    """Show a policy."""
    return _answer(response, await queries.get_policy(session, policy_id))


@router.patch("/v1/escalation-policies/{policy_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_escalation_policy(
    policy_id: UUID, body: PolicyPatch, session: Db, expected: IfMatch, response: Response
) -> PolicyOut:
    """Change a policy. What is on its way takes the steps that there are now."""
    changes = changes_of(body, mode="json")
    if "reopens_after" in changes:
        changes["reopens_after"] = body.reopens_after
    return _answer(response, await service.change_policy(session, policy_id, changes, expected=expected))


@router.delete(
    "/v1/escalation-policies/{policy_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412)
)
async def delete_escalation_policy(policy_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a policy away; what is on its way by it goes no further."""
    await service.delete_policy(session, policy_id, expected=expected)
