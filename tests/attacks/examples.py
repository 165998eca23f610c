"""A valid body for every operation that takes one, in which attacks replace what they make bad."""

from __future__ import annotations

from typing import Any

from services.metrics.tests.test_kept_questions import ASKED
from tests.contracts.worlds import BODIES, desk
from tests.contracts.worlds.alerts import (
    ALERTS,
    HEARTBEAT,
    INHIBITION,
    MATCHERS,
    OVERRIDE,
    POLICY,
    ROUTE,
    RULE,
    SCHEDULE,
    SILENCE,
)
from tests.contracts.worlds.bounces import BOUNCES
from tests.contracts.worlds.calls import CALL
from tests.contracts.worlds.campaigns import CAMPAIGN, PLAYBOOK
from tests.contracts.worlds.channels import SMS
from tests.contracts.worlds.consent import SUPPRESSION, TOPIC
from tests.contracts.worlds.mailboxes import MAILBOX
from tests.contracts.worlds.metrics import REPORTED, WINDOW
from tests.contracts.worlds.recipient_imports import BATCH
from tests.contracts.worlds.scheduled_replies import SCHEDULED_REPLY
from tests.contracts.worlds.segments import DEFINITION, SEGMENT
from tests.contracts.worlds.templates import MESSAGE, TEMPLATE

ROW = {"body": "支付失败", "external_id": "r", "author": {"user_id": "u"}, "attributes": {"a": 1}, "tags": ["a"]}
HOOK = {
    "url": "http://127.0.0.1:9/",
    "event_types": ["*"],
    "signature": "both",
    "filter": [
        {
            "any": [
                {"all": [{"field": "data.name", "op": "contains", "value": "x"}]},
                {"field": "type", "op": "regex", "value": "a+"},
            ]
        }
    ],
}
BOT = {"format": "pagerduty", "about": "events", "language": "zh", "bot_secret": "k"}
MONEY = {"amount": 1999, "currency": "CNY"}
NUMBERS: dict[str, dict[str, Any]] = {
    "active-users": {"interval": 0, "measure": "wau"},
    "sessions": {"interval": 0, "bounced": True},
    "funnel": {"step": 0},
    "trends": {"series": 0},
    "lifecycle": {"interval": 0, "status": "new"},
    "stickiness": {"intervals": 1},
    "retention": {"cohort": "2026-03-01", "column": 0},
    "paths": {"target": "1_/"},
}
TRIAGE_RULE = {
    "name": "VIP",
    "position": 1,
    "when": [{"any": [{"field": "data.text", "op": "contains", "value": "支付"}]}],
    "set": {"kind": "bug", "severity": "s1", "area": "a", "add_tags": ["t"]},
}
EXAMPLES: dict[str, Any] = BODIES | {
    "POST /v1/feedback": {name: value for name, value in ROW.items() if name != "external_id"},
    "POST /v1/feedback:batch": {"items": [ROW]},
    "POST /v1/feedback-imports": [ROW],
    "POST /v1/synonyms": {"terms": ["pigeon drive", "飞鸽盘"]},
    "POST /v1/calendars": desk.CALENDAR,
    "POST /v1/teams": desk.TEAM,
    "POST /v1/sla-policies": desk.SLA_POLICY,
    "POST /v1/routing-rules": desk.ROUTING_RULE,
    "POST /v1/canned-replies": desk.CANNED_REPLY,
    "POST /v1/macros": desk.MACRO,
    "POST /v1/forms": desk.FORM,
    "POST /v1/chats": {"body": "b", "name": "n", "page": "p", "locale": "zh-CN"},
    "POST /v1/mailboxes": MAILBOX,
    "POST /v1/views": desk.VIEW,
    "POST /v1/feedback:bulk": desk.BULK,
    "POST /v1/feedback:bulk-preview": desk.BULK,
    "POST /v1/triage-rules": TRIAGE_RULE,
    "POST /v1/taxonomy": {"name": "n", "parent_id": None, "words": ["w"]},
    "POST /v1/triage-rules/preview": {"rule": TRIAGE_RULE},
    "POST /v1/kpis": REPORTED | {"key": "other"},
    "POST /v1/campaigns": CAMPAIGN,
    "POST /v1/playbooks": PLAYBOOK,
    "POST /v1/webhooks": HOOK | BOT,
    "POST /v1/channels": {
        "kind": "sms_http",
        "name": "n",
        "url": "http://127.0.0.1:9/",
        "headers": {"x-a": "b"},
        "sms": SMS,
    },
    "POST /v1/webhooks/{webhook_id}/preview": {"event_type": "kpi.breached", "payload_template": "{{ event.data }}"},
    "POST /api/v2/alerts": ALERTS,
    "POST /v1/alert-rules": RULE | {"resolve_types": ["kpi.recovered"], "incident_from": "data.kpi"},
    "POST /v1/alert-routes": ROUTE,
    "POST /v1/silences": SILENCE,
    "POST /v1/silences/preview": {"matchers": MATCHERS},
    "POST /v1/inhibition-rules": INHIBITION,
    "POST /v1/heartbeats": HEARTBEAT,
    "POST /v1/schedules": SCHEDULE,
    "POST /v1/schedules/{schedule_id}/overrides": OVERRIDE,
    "POST /v1/escalation-policies": POLICY,
    "POST /v1/templates": TEMPLATE,
    "POST /v1/messages": MESSAGE,
    "POST /v1/notification-topics": TOPIC,
    "POST /v1/recipients:batch": BATCH,
    "POST /v1/suppressions": SUPPRESSION,
    "POST /v1/calls": CALL,
    "POST /v1/feedback/{feedback_id}/scheduled-replies": SCHEDULED_REPLY,
    "POST /v1/mail/bounces": BOUNCES,
    "POST /v1/parked-events/redrive": {"fingerprint": "ValueError"},
    "POST /v1/parked-events/discard": {"fingerprint": "ValueError"},
    "PATCH /v1/workspace": {"locale": "zh-CN"},
    "POST /v1/user-secrets": {"name": "app"},
    "POST /v1/insights": {"name": "付款", "kind": "trends", "query": ASKED["trends"][0], "description": "d"},
    "POST /v1/dashboards": {"name": "n", "tiles": []},
    "POST /v1/annotations": {"at": "2026-03-01T00:00:00Z", "text": "t", "link": "/x"},
    "POST /v1/maintenance-windows": WINDOW | {"tags": ["t"], "repeats_on": ["monday"], "last_day": "2026-12-01"},
    "POST /v1/segments": SEGMENT | {"description": "d"},
    "POST /v1/segments/preview": {"definition": DEFINITION},
    "POST /v1/objectives": {"title": "目标", "description": "d", "owner": "growth", "period": "2026-Q4"},
    "POST /v1/competitors": {"name": "n", "url": "https://example.test/", "notes": "n"},
    "POST /v1/orders": {
        "order_id": "o1",
        "user_id": "u",
        "total": MONEY,
        "ordered_at": "2026-03-01T00:00:00Z",
        "product": "p",
    },
    "POST /v1/orders/{order_id}/refunds": {
        "refund_id": "r",
        "amount": MONEY,
        "refunded_at": "2026-03-02T00:00:00Z",
        "reason": "r",
    },
    **{f"POST /v1/insights/{kind}": query for kind, (query, *_) in ASKED.items()},
    **{f"POST /v1/insights/{kind}/persons": {"query": ASKED[kind][0]} | of for kind, of in NUMBERS.items()},
}


def examples(service: str) -> dict[str, Any]:
    """Return the bodies by operation, with those that differ from service to service."""
    return EXAMPLES | {"POST /v1/api-keys": {"name": "partner", "scopes": [f"{service}:read"]}}
