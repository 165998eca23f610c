"""The HTTP doors of alert rules, and the one that clients of Alertmanager post to."""

from __future__ import annotations

from base64 import b64decode
from uuid import UUID

import orjson
from fastapi import APIRouter, Response
from starlette.requests import Request

from opsloop_common.foreign import readable
from opsloop_common.http.call import Call
from opsloop_common.http.deps import Asked, Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.problems import error_response
from opsloop_common.http.routing import ApiRoute, ApiRouter, allow, own_idempotency, problems
from opsloop_common.http.vendors import json_response
from opsloop_common.turns import in_turns
from opsloop_notifications.alert_rules import queries, service
from opsloop_notifications.alert_rules.models import AlertRule
from opsloop_notifications.alert_rules.schemas import (
    AlertRuleIn,
    AlertRuleOut,
    AlertRulePatch,
    GrafanaWebhook,
    PostedAlerts,
    read_posted,
)
from opsloop_notifications.alerts.rules import TOO_MANY
from opsloop_notifications.shapes import changes_of

FAULTS_SHOWN = 20
READ = allow("notifications:read")
WRITE = allow("notifications:write")


class AlertmanagerRoute(ApiRoute):
    """A route that clients of Alertmanager call. They sign in with a token, or with the key as password, and read its errors."""

    refuses_in_problems = False

    def credential(self, request: Request) -> str | None:
        """Return the token, or the password of basic authentication."""
        scheme, _, rest = (request.headers.get("authorization") or "").partition(" ")
        if scheme.lower() != "basic":
            return super().credential(request)
        return readable(_password, rest.strip())

    def refusal(self, call: Call, request: Request, error: Exception) -> Response:
        """Answer an error as Alertmanager does: a code and a message."""
        problem = error_response(error, request.scope, request_id=call.request_id)
        said = orjson.loads(problem.body)
        words = "; ".join(each["detail"] for each in said.get("errors", ())) or said.get("detail") or said["title"]
        kept = {name: value for name, value in problem.headers.items() if not name.startswith("content-")}
        return json_response({"code": problem.status_code, "message": words}, problem.status_code, kept)


def _password(credentials: str) -> str:
    return b64decode(credentials, validate=True).decode().partition(":")[2]


router = ApiRouter(tags=["alerts"])
clients = APIRouter(tags=["Alertmanager"], route_class=AlertmanagerRoute)


def _answer(response: Response, rule: AlertRule) -> AlertRuleOut:
    set_etag(response, rule.version)
    return AlertRuleOut.model_validate(rule)


@clients.post("/api/v2/alerts", dependencies=[WRITE, own_idempotency()], response_class=Response)
async def post_alerts(body: PostedAlerts, call: Asked) -> Response:
    """Take alerts as Prometheus posts them to Alertmanager (`path_prefix: /api/notifications`), or Grafana's webhook.

    One that fires ends at `endsAt`, without it five minutes after it was posted last. Of those that are no alerts the answer says
    why, with 400; the others are taken. Where more would fire than may, it is 409: none that is new is taken, those that fire go on.
    """
    given = body.alerts if isinstance(body, GrafanaWebhook) else body
    posted = await in_turns(read_posted, given, workspace=call.who.workspace)
    missing = await service.hear_posted(await call.begin(), posted)
    faults = [*([TOO_MANY] if missing.too_many else []), *missing.faults]
    if not faults:
        return Response(status_code=200)
    await call.commit()
    code = 409 if missing.too_many else 400
    return json_response({"code": code, "message": "; ".join(dict.fromkeys(faults[:FAULTS_SHOWN]))}, code)


@router.post("/v1/alert-rules", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_alert_rule(body: AlertRuleIn, session: Db, response: Response) -> AlertRuleOut:
    """Have events fire alerts. Each workspace has a rule for breaches of KPIs already, KpiBreached."""
    rule = await service.create_rule(session, body.model_dump(mode="json") | {"resolve_after": body.resolve_after})
    set_location(response, f"/v1/alert-rules/{rule.id}")
    return _answer(response, rule)


@router.get("/v1/alert-rules", dependencies=[READ])
async def list_alert_rules(session: Db, who: Who, page: PageQuery) -> Listing[AlertRuleOut]:
    """List the workspace's own rules, newest first."""
    rows = await paginate(session, queries.alert_rules(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(AlertRuleOut.model_validate)


@router.get("/v1/alert-rules/{alert_rule_id}", dependencies=[READ], responses=problems(404))
async def get_alert_rule(alert_rule_id: UUID, session: Db, response: Response) -> AlertRuleOut:
    """Show a rule."""
    return _answer(response, await queries.get_rule(session, alert_rule_id))


@router.patch("/v1/alert-rules/{alert_rule_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_alert_rule(
    alert_rule_id: UUID, body: AlertRulePatch, session: Db, expected: IfMatch, response: Response
) -> AlertRuleOut:
    """Change a rule. What fires by it goes on until it is ended."""
    changes = changes_of(body, mode="json")
    if "resolve_after" in changes:
        changes["resolve_after"] = body.resolve_after
    return _answer(response, await service.change_rule(session, alert_rule_id, changes, expected=expected))


@router.delete("/v1/alert-rules/{alert_rule_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_alert_rule(alert_rule_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a rule away; what fires by it goes on until somebody ends it."""
    await service.delete_rule(session, alert_rule_id, expected=expected)
