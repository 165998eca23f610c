"""One resource of every kind, in workspace `acme`: what path parameters stand for when every route is walked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert

from opsloop_common import due
from opsloop_common.contracts.campaigns import MessageContent, MessageRequested
from opsloop_common.contracts.feedback import Author, FeedbackReceived
from opsloop_common.db import Context
from opsloop_common.due.tables import job
from opsloop_common.ids import uuid7
from opsloop_common.inbox.tables import parked_event
from opsloop_common.testing.events import deliver, make_event
from opsloop_common.testing.http import Api

ACME = Context(workspace="acme", actor="key:test")
CAMPAIGN = {
    "name": "Spring",
    "audience": {"user_ids": ["u1", "u2"]},
    "messages": [{"channel": "email", "locale": "zh-CN", "subject": "你好", "body": "春天来了"}],
}
PLAYBOOK = {
    "name": "Say sorry",
    "on": "kpi.breached",
    "when": [{"field": "data.kpi", "op": "eq", "value": "severe_share"}],
    "cooldown": "PT1H",
    "requires_approval": False,
    "launch": CAMPAIGN,
}
REPORTED = {"key": "csat", "name": "CSAT", "unit": "score", "direction": "up", "measure": {"type": "reported"}}
MONITOR = {"condition": {"type": "threshold", "operator": "lt", "value": 3}, "severity": "warning"}

BODIES: dict[str, dict[str, Any] | None] = {
    "PATCH /v1/feedback/{feedback_id}": {"title": "another"},
    "POST /v1/feedback/{feedback_id}/messages": {"kind": "note", "body": "seen"},
    "PATCH /v1/kpis/{key}": {"name": "another"},
    "POST /v1/kpis/{key}/values": {"value": 1.5},
    "POST /v1/kpis/{key}/monitors": MONITOR,
    "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"severity": "info"},
    "PATCH /v1/campaigns/{campaign_id}": {"name": "another"},
    "PUT /v1/campaigns/{campaign_id}/status": {"status": "pending_approval"},
    "PATCH /v1/playbooks/{playbook_id}": {"name": "another"},
    "PUT /v1/playbooks/{playbook_id}/approval": {"status": "approved"},
    "POST /v1/playbooks/{playbook_id}/cancel-waiting": None,
    "POST /v1/playbooks/{playbook_id}/test": {"data": {"kpi": "severe_share"}},
    "PATCH /v1/webhooks/{webhook_id}": {"description": "another"},
    "POST /v1/webhooks/{webhook_id}/rotate-secret": {},
    "POST /v1/webhooks/{webhook_id}/recover": {"since": "2026-11-22T00:00:00Z"},
    "PUT /v1/recipients/{user_id}": {"email": "u1@example.test", "locale": "en"},
}
"""A valid body for each route that takes one and has a path parameter; a new such route must be added here."""

NO_CHANGES: dict[str, dict[str, Any]] = {
    "PUT /v1/campaigns/{campaign_id}/status": {"status": "draft"},
    "PUT /v1/playbooks/{playbook_id}/approval": {"status": "approved"},
    "PUT /v1/recipients/{user_id}": {"email": "u1@example.test", "locale": "en"},
}
"""For each PUT a body that changes nothing of the world; an empty PATCH does so by itself."""

CHANGES: dict[str, dict[str, Any]] = {
    "PATCH /v1/workspace": {"week_start": "sunday"},
    "PATCH /v1/feedback/{feedback_id}": {"severity": "s4"},
    "PATCH /v1/kpis/{key}": {"name": "changed"},
    "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"severity": "critical"},
    "PATCH /v1/campaigns/{campaign_id}": {"name": "changed"},
    "PUT /v1/campaigns/{campaign_id}/status": {"status": "pending_approval"},
    "PATCH /v1/playbooks/{playbook_id}": {"name": "changed"},
    "PUT /v1/playbooks/{playbook_id}/approval": {"status": "pending"},
    "PATCH /v1/webhooks/{webhook_id}": {"status": "disabled"},
    "PUT /v1/recipients/{user_id}": {"email": "u1@example.test", "locale": "fr"},
}
"""For each PATCH and PUT a body that changes something of the world."""

WORDS = ("my private words", "private.person", "private-path")
"""What stands in `WORDED`, and nowhere in the audit log."""
_SAID, _MAIL, _PATH = "My private words", "private.person@example.test", "http://127.0.0.1:9/private-path"
_MESSAGES = [{"channel": "email", "locale": "en", "subject": _SAID, "body": _SAID}]
WORDED: dict[str, dict[str, Any]] = {
    "POST /v1/feedback": {
        "body": _SAID,
        "title": _SAID,
        "author": {"email": _MAIL, "name": _SAID},
        "attributes": {"a": _SAID},
    },
    "PATCH /v1/feedback/{feedback_id}": {"title": _SAID},
    "POST /v1/feedback:batch": {"items": [{"external_id": "w", "body": _SAID}]},
    "POST /v1/feedback/{feedback_id}/messages": {"kind": "reply", "body": _SAID},
    "POST /v1/campaigns": {"name": "a", "audience": {"user_ids": [_MAIL]}, "messages": _MESSAGES},
    "PATCH /v1/campaigns/{campaign_id}": {"audience": {"user_ids": [_MAIL]}, "messages": _MESSAGES},
    "POST /v1/playbooks": PLAYBOOK
    | {"launch": {"name": "a", "audience": {"user_ids": [_MAIL]}, "messages": _MESSAGES}},
    "PATCH /v1/playbooks/{playbook_id}": {
        "launch": {"name": "a", "audience": {"user_ids": [_MAIL]}, "messages": _MESSAGES}
    },
    "POST /v1/playbooks/{playbook_id}/test": {"data": {"kpi": _SAID}},
    "POST /v1/webhooks": {"url": _PATH, "description": _SAID},
    "PATCH /v1/webhooks/{webhook_id}": {"url": _PATH, "description": _SAID},
    "POST /v1/webhooks/{webhook_id}/rotate-secret": {},
    "PUT /v1/recipients/{user_id}": {"email": _MAIL},
    "POST /v1/api-keys": {"name": "partner"},
    "POST /v1/user-secrets": {"name": "shop"},
}
"""Bodies with something to keep to oneself in each field that takes text which is no label, state or condition."""
WITHOUT_WORDS = {
    "PATCH /v1/workspace",
    "POST /v1/parked-events/redrive",
    "POST /v1/parked-events/discard",
    # a KPI is a definition: its labels are what the log is asked about
    "POST /v1/kpis",
    "PATCH /v1/kpis/{key}",
    "POST /v1/kpis/{key}/values",
    "POST /v1/kpis/{key}/monitors",
    "PATCH /v1/kpis/{key}/monitors/{monitor_id}",
    # whoever gives a reason gives it to the log
    "PUT /v1/campaigns/{campaign_id}/status",
    "PUT /v1/playbooks/{playbook_id}/approval",
    "POST /v1/webhooks/{webhook_id}/recover",
}
"""Operations that take no such text."""

QUERIES = {"GET /v1/kpis/{key}/series": {"from": "2026-11-22T00:00:00Z", "to": "2026-11-22T01:00:00Z", "step": "PT10M"}}
"""Query parameters of routes that require some."""


async def _post(api: Api, path: str, body: object) -> dict[str, Any]:
    answer = await api.client.post(path, json=body, headers=await api.key())
    assert answer.status_code == 201, (path, answer.text)
    created: dict[str, Any] = answer.json()
    return created


async def common(api: Api) -> dict[str, str]:
    """Make what every service has."""
    name = api.runtime.service.name
    key = await _post(api, "/v1/api-keys", {"name": "partner", "scopes": [f"{name}:read"]})
    secret = await _post(api, "/v1/user-secrets", {"name": "shop"})
    parked, work = uuid7(), uuid7()
    async with api.db.transaction(ACME) as session:
        await session.execute(
            insert(parked_event).values(
                id=parked, consumer=f"{name}.none", source="feedback", workspace="acme", status="failed",
                fingerprint="ValueError", reason="made up", attempts=3, origin="outbox@1", body=b"{}",
            )
        )  # fmt: skip
        await session.execute(
            insert(job).values(
                id=work, workspace="acme", kind="made up", created_by="key:test", created_at=api.clock.now()
            )
        )
    return {"key_id": key["id"], "secret_id": secret["id"], "parked_id": str(parked), "job_id": str(work)}


async def feedback(api: Api) -> dict[str, str]:
    """Make one feedback."""
    return {"feedback_id": (await _post(api, "/v1/feedback", {"body": "支付失败"}))["id"]}


async def metrics(api: Api) -> dict[str, str]:
    """Make a KPI that breaches."""
    await _post(api, "/v1/kpis", REPORTED)
    monitor = await _post(api, "/v1/kpis/csat/monitors", MONITOR)
    await _post(api, "/v1/kpis/csat/values", {"value": 1.0})
    api.clock.advance(timedelta(seconds=2))
    await due.run_due(api.db, api.runtime.service.due)
    breaches = (await api.client.get("/v1/breaches", headers=await api.key())).json()["items"]
    return {"key": "csat", "monitor_id": monitor["id"], "incident_id": breaches[0]["incident_id"]}


async def campaigns(api: Api) -> dict[str, str]:
    """Make a campaign and a playbook."""
    campaign, playbook = await _post(api, "/v1/campaigns", CAMPAIGN), await _post(api, "/v1/playbooks", PLAYBOOK)
    return {"campaign_id": campaign["id"], "playbook_id": playbook["id"]}


async def notifications(api: Api) -> dict[str, str]:
    """Make an endpoint with a delivery, a recipient, and a message to it."""
    from opsloop_notifications.app import SERVICE

    hook = await _post(api, "/v1/webhooks", {"url": "http://127.0.0.1:9/", "event_types": ["*"]})
    put = await api.client.put(
        "/v1/recipients/u1", json=BODIES["PUT /v1/recipients/{user_id}"], headers=await api.key()
    )
    assert put.status_code in (200, 201), put.text
    told = MessageRequested(
        campaign_id=uuid4(),
        message_id=uuid4(),
        channel="email",
        user_ids=["u1"],
        contents=[MessageContent(locale="en", subject="s", body="b")],
    )
    heard = FeedbackReceived(
        feedback_id=uuid4(), number=1, kind="bug", severity="s1", sentiment=-1, channel="api", tags=[],
        author=Author(user_id="u1"), occurred_at=api.clock.now(),
    )  # fmt: skip
    for subscription in SERVICE.subscriptions:
        await deliver(api.db, subscription, make_event(told), make_event(heard))
    headers = await api.key()
    deliveries = (await api.client.get(f"/v1/webhooks/{hook['id']}/deliveries", headers=headers)).json()["items"]
    notified = (await api.client.get("/v1/notifications", headers=headers)).json()["items"]
    return {
        "webhook_id": hook["id"],
        "delivery_id": deliveries[0]["id"],
        "user_id": "u1",
        "notification_id": notified[0]["id"],
    }


WORLDS = {"feedback": feedback, "metrics": metrics, "campaigns": campaigns, "notifications": notifications}
