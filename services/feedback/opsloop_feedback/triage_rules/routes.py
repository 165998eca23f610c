"""The HTTP door of triage rules."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.shapes import TriageRuleIn
from opsloop_feedback.triage_rules import queries, service
from opsloop_feedback.triage_rules.models import TriageRule
from opsloop_feedback.triage_rules.schemas import TriageRuleOut, TriageRulePatch

router = ApiRouter(tags=["triage"])
READ = [allow("feedback:read")]
WRITE = [allow("feedback:write")]


def _answer(response: Response, rule: TriageRule) -> TriageRuleOut:
    set_etag(response, rule.version)
    return TriageRuleOut.model_validate(rule)


@router.post("/v1/triage-rules", status_code=201, dependencies=WRITE, responses=problems(409))
async def create_triage_rule(body: TriageRuleIn, session: Db, response: Response) -> TriageRuleOut:
    """Have posts sorted by a rule of the team's own, from now on."""
    rule = await service.create_rule(session, body.fields())
    set_location(response, f"/v1/triage-rules/{rule.id}")
    return _answer(response, rule)


@router.get("/v1/triage-rules", dependencies=READ)
async def list_triage_rules(session: Db, page: PageQuery) -> Listing[TriageRuleOut]:
    """List the rules in the order in which they decide."""
    found = await paginate(session, queries.triage_rules(), page, by=queries.IN_ORDER)
    return found.map(TriageRuleOut.model_validate)


@router.get("/v1/triage-rules/{triage_rule_id}", dependencies=READ, responses=problems(404))
async def get_triage_rule(triage_rule_id: UUID, session: Db, response: Response) -> TriageRuleOut:
    """Show a rule."""
    return _answer(response, await queries.get_rule(session, triage_rule_id))


@router.patch("/v1/triage-rules/{triage_rule_id}", dependencies=WRITE, responses=problems(404, 412))
async def update_triage_rule(
    triage_rule_id: UUID, body: TriageRulePatch, session: Db, expected: IfMatch, response: Response
) -> TriageRuleOut:
    """Change a rule. What was sorted by it stays."""
    return _answer(response, await service.change_rule(session, triage_rule_id, body.changes(), expected=expected))


@router.delete("/v1/triage-rules/{triage_rule_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_triage_rule(triage_rule_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a rule away. What was sorted by it stays."""
    await service.delete_rule(session, triage_rule_id, expected=expected)
