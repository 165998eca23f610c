"""The HTTP doors of routing rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import InModel
from opsloop_feedback.routing_rules import queries, service
from opsloop_feedback.routing_rules.models import RoutingRule
from opsloop_feedback.routing_rules.schemas import RoutingRuleIn, RoutingRuleOut, RoutingRulePatch
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["routing"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, rule: RoutingRule) -> RoutingRuleOut:
    set_etag(response, rule.version)
    return RoutingRuleOut.model_validate(rule)


def _fields(body: InModel, said: dict[str, Any]) -> dict[str, Any]:
    """Return what was said, conditions as they are stored."""
    return said | ({"when": body.model_dump(mode="json", include={"when"})["when"]} if "when" in said else {})


@router.post("/v1/routing-rules", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_routing_rule(body: RoutingRuleIn, session: Db, response: Response) -> RoutingRuleOut:
    """Say who gets posts that come in from now on, and where they go when nobody answers."""
    rule = await service.create_rule(session, _fields(body, body.model_dump()))
    set_location(response, f"/v1/routing-rules/{rule.id}")
    return _answer(response, rule)


@router.get("/v1/routing-rules", dependencies=[READ])
async def list_routing_rules(session: Db, who: Who, page: PageQuery) -> Listing[RoutingRuleOut]:
    """List rules in the order in which they are asked."""
    rows = await paginate(session, queries.routing_rules(who.workspace), page, by=queries.AS_ASKED)
    return rows.map(RoutingRuleOut.model_validate)


@router.get("/v1/routing-rules/{routing_rule_id}", dependencies=[READ], responses=problems(404))
async def get_routing_rule(routing_rule_id: UUID, session: Db, response: Response) -> RoutingRuleOut:
    """Show a rule."""
    return _answer(response, await queries.get_rule(session, routing_rule_id))


@router.patch("/v1/routing-rules/{routing_rule_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_routing_rule(
    routing_rule_id: UUID, body: RoutingRulePatch, session: Db, expected: IfMatch, response: Response
) -> RoutingRuleOut:
    """Change a rule, for posts to come."""
    changes = _fields(body, changes_of(body, mode="python"))
    return _answer(response, await service.change_rule(session, routing_rule_id, changes, expected=expected))


@router.delete(
    "/v1/routing-rules/{routing_rule_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412)
)
async def delete_routing_rule(routing_rule_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a rule away; what it gave to people stays theirs."""
    await service.delete_rule(session, routing_rule_id, expected=expected)
