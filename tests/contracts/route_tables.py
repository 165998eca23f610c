"""What the walk over every route knows of single ones."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

ADMIN_PATHS = ("/v1/api-keys", "/v1/user-secrets", "/v1/audit", "/v1/parked-events")
SCOPES = {
    "GET /v1/feedback/{feedback_id}": {"read", "submit"},
    "GET /v1/feedback/{feedback_id}/messages": {"read", "submit"},
    "POST /v1/feedback": {"submit", "write"},
    "POST /v1/attachments": {"submit", "write"},
    "POST /v1/feedback:batch": {"submit", "write"},
    "POST /v1/chats": {"submit", "write"},
    "POST /v1/mail/reports": {"report", "write"},
    # a partner's, to what is bound to its source
    "POST /v1/webhooks": {"subscribe", "write"},
    "GET /v1/webhooks": {"read", "subscribe"},
    "GET /v1/webhooks/{webhook_id}": {"read", "subscribe"},
    "PATCH /v1/webhooks/{webhook_id}": {"subscribe", "write"},
    "DELETE /v1/webhooks/{webhook_id}": {"subscribe", "write"},
    "POST /v1/webhooks/{webhook_id}/test": {"subscribe", "write"},
    "POST /v1/webhooks/{webhook_id}/rotate-secret": {"subscribe", "write"},
    "GET /v1/webhooks/{webhook_id}/deliveries": {"read", "subscribe"},
    "GET /v1/deliveries/{delivery_id}": {"read", "subscribe"},
    "POST /v1/mail/bounces": {"report", "write"},
    # mail to all who wrote is turned on by who answers for it
    "PATCH /v1/csat-settings": {"admin"},
    # whoever may do anything may know the calendar, and how far the work is that it began
    "GET /v1/workspace": {"read", "write"},
    "GET /v1/jobs/{job_id}": {"read", "write"},
}
"""Scopes of the routes that do not go by the rule."""
BESIDES_READ = {
    # their answers are what they are for, and show what is stored
    "POST /v1/campaigns/{campaign_id}/duplicate",
    "POST /v1/playbooks/{playbook_id}/test",
    "POST /v1/webhooks/{webhook_id}/rotate-secret",
    "POST /v1/webhooks/{webhook_id}/portal-link",
    "POST /v1/webhooks/{webhook_id}/preview",
    "POST /v1/templates/{key}/preview",
}
FOR_BROWSERS = {
    # everything else refuses publishable keys and tokens of end users, whatever their scopes
    "publishable": {"POST /v1/feedback", "POST /v1/chats", "POST /v1/attachments"},
    "user": {
        "POST /v1/feedback",
        "POST /v1/chats",
        "POST /v1/attachments",
        "GET /v1/recipients/{user_id}/contacts",
        "POST /v1/recipients/{user_id}/contacts",
        "GET /v1/recipients/{user_id}/contacts/{contact_id}",
        "GET /v1/recipients/{user_id}/preferences",
        "PUT /v1/recipients/{user_id}/preferences",
        "GET /v1/recipients/{user_id}/inbox",
        "GET /v1/recipients/{user_id}/inbox/stream",
        "GET /v1/recipients/{user_id}/inbox/{entry_id}",
        "PATCH /v1/recipients/{user_id}/inbox/{entry_id}",
        "POST /v1/recipients/{user_id}/inbox/mark",
        "POST /v1/recipients/{user_id}/inbox/undo",
    },
}
ROOMY = {"outbound_allow": "127.0.0.0/8", "rate_limit_per_second": 1_000_000, "rate_limit_burst": 1_000_000}
"""Settings under which all routes can be asked all there is to ask."""
TAKES_ANY_FILE = {"POST /v1/attachments"}
"""Where any text is a file, so that none is malformed."""
ONE_PAGE = {"/v1/event-types", "/v1/kpi-templates"}
"""Lists that are never long, the same in every workspace, and have the form of one all the same."""
COMPUTED = {
    "/v1/people/{person_id}",
    "/v1/feedback/{feedback_id}/status-link",
    "/v1/attachments/{attachment_id}",
    "/v1/mailboxes/{mailbox_id}/progress",
    "/v1/received-mails/{mail_id}",
    "/v1/calendars/{calendar_id}/due-time",
    "/v1/reports/sla",
    "/v1/reports/csat",
    "/v1/forms/{form_id}/counts",
    "/v1/feedback/{feedback_id}/canned-replies/{canned_reply_id}",
    "/v1/schedules/{schedule_id}/shifts",
    "/v1/jobs/{job_id}",
    "/v1/kpis/{key}/status",
    "/v1/kpis/{key}/series",
    "/v1/kpis/{key}/explanation",
    "/v1/campaigns/{campaign_id}/preview",
    "/v1/campaigns/{campaign_id}/results",
    "/v1/deliveries/{delivery_id}",
    "/v1/notifications/{notification_id}",
    "/v1/messages/{message_id}",
    "/v1/digests/{digest_id}",
    "/v1/digests/{digest_id}/preview",
    "/v1/recipients/{user_id}/inbox/stream",
    "/v1/breaches/{incident_id}",
    "/v1/parked-events/groups",
    "/v1/dashboards/{dashboard_id}/data",
    "/v1/imports/{import_id}",
    "/v1/recipient-imports/{import_id}",
    "/v1/feedback-imports/{import_id}",
    "/v1/orders/{order_id}",
    "/v1/rejected-messages/summary",
    "/v1/competitors/{competitor_id}/series/{series_key}/compare",
}
"""What is told anew each time, or is changed by the service alone, so that nobody needs a version of it."""
LONG_PAGES = {"/v1/segments/{segment_id}/members": 1_000}
"""Lists of small rows that machines take away as a whole, and how long their pages may be."""
OF_MANY = {
    "/v1/segments/{segment_id}/members",
    "/v1/webhooks/{webhook_id}/portal-links",
    "/v1/feedback/{feedback_id}/watchers",
}
"""Where many things are put or taken away at once, each for itself: there is no version of them together."""
CREATED_BY_NAME = {
    # the caller chooses the name, in its own workspace
    "PUT /v1/recipients/{user_id}",
    "POST /v1/recipients/{user_id}/contacts",
}
BAD_BODIES: dict[str, tuple[bytes, int]] = {
    "not JSON": (b"{", 400),
    "NaN": (b'{"attributes": {"a": NaN}}', 422),
    "infinity": (b'{"attributes": {"a": Infinity}}', 422),
    "NUL": (b'{"body": "a\\u0000b"}', 422),
    "lone surrogate": (b'{"body": "a\\ud800b"}', 422),
    "beyond 64 bits": (b'{"attributes": {"a": 18446744073709551616}}', 422),
    "too deep": (b'{"attributes": ' + b'{"a":' * 40 + b"1" + b"}" * 41, 422),
    "unknown field": (b'{"no_such_field_anywhere": 1}', 422),
    "not an object": (b"[1]", 422),
    "not UTF-8": (b'{"body": "\xff\xfe"}', 400),
    "empty": (b"", 400),
}
BESIDES_BAD = {("POST /api/v2/alerts", "not an object"): 400}
"""Where a list is taken, of which what is wrong is told and the rest is done."""


def reads(method: str, path: str) -> bool:
    """Say whether a route only reads: a question about events is too long for an address."""
    asks = path.startswith("/v1/insights/") or path in (
        "/v1/segments/preview",
        "/v1/silences/preview",
        "/v1/triage-rules/preview",
        "/v1/feedback:bulk-preview",
    )
    return method == "GET" or (asks and method == "POST")


def takes_json(operation: dict[str, Any]) -> bool:
    """Say whether a route takes a body of JSON; one that takes files, also of JSON, is tested by its room."""
    content = operation.get("requestBody", {}).get("content", ())
    return "application/json" in content and "text/csv" not in content


def lacks(operation: dict[str, Any], may: Set[str]) -> bool:
    """Say whether a credential's scopes do not open a route; whoever is let in to their own alone is told of it."""
    opening, besides = may & set(operation["x-scopes"]), operation.get("x-scopes-besides", ())
    return not opening or not (opening == set(operation.get("x-scopes-own", ())) or may >= set(besides))
