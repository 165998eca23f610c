"""One of everything that a support desk goes by."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

WORDED = [{"field": "data.title", "op": "eq", "value": SAID}]
WEEK = [{"days": ["monday", "friday"], "start": "09:00", "end": "12:00"}]
DAYS = [
    {"first_day": "2026-10-01", "last_day": "2026-10-07", "name": "国庆节"},
    {"first_day": "2026-10-10", "name": "补班", "works_as": "friday"},
    {"first_day": "2026-12-31", "name": "half", "windows": [{"start": "09:00", "end": "12:00"}]},
]
CALENDAR = {"name": "support", "time_zone": "Asia/Shanghai", "week": WEEK, "days": DAYS}
WHEN = [
    {"field": "data.severity", "op": "in", "value": ["s1", "s2"]},
    {
        "any": [
            {"field": "data.attributes.tier", "op": "eq", "value": "vip"},
            {"field": "data.body", "op": "regex", "value": "pay.*"},
        ]
    },
]
TEAM = {"name": "payments", "members": [{"user_id": "u1"}, {"user_id": "u2", "is_away": True}]}
SLA_POLICY = {
    "name": "severe",
    "position": 10,
    "when": WHEN,
    "first_reply": "PT1H",
    "next_reply": "PT4H",
    "resolution": "P2D",
    "approaching_percent": 50,
}
ROUTING_RULE = {
    "name": "payments",
    "position": 10,
    "when": WHEN,
    "assignee": "u1",
    "within_hours": False,
    "escalate_after": "PT4H",
    "escalate_assignee": "u2",
}
CANNED_REPLY = {
    "name": "thanks",
    "texts": [
        {"locale": "zh-CN", "body": "{{ author.name | 您好 }}，感谢反馈 #{{ number }}"},
        {"locale": "en", "body": "Thank you, {{ author.name | dear customer }}."},
    ],
}
MACRO = {
    "name": "thank and wait",
    "note": "asked for the order",
    "add_tags": ["refund"],
    "remove_tags": ["new"],
    "status": "pending",
    "team": "payments",
    "assignee": "u1",
}

FORM = {
    "slug": "contact",
    "name": "website",
    "kind": "complaint",
    "tags": ["web"],
    "accent": "#0a7d4f",
    "texts": [
        {"locale": "zh", "title": "联系我们", "intro": "请告诉我们。", "asks": "发生了什么？", "thanks": "谢谢。"},
        {"locale": "en", "title": "Contact us"},
    ],
    "fields": [
        {"ask": "rating", "required": True},
        {
            "ask": "choice",
            "name": "plan",
            "label": {"en": "Plan", "zh": "套餐"},
            "options": [{"value": "free", "label": {"en": "Free", "zh": "免费"}}],
        },
    ],
}
WORDED_FORM = {
    "texts": [{"locale": "en", "title": SAID, "intro": SAID, "asks": SAID, "thanks": SAID}],
    "fields": [
        {
            "ask": "choice",
            "name": "plan",
            "label": {"en": SAID},
            "options": [{"value": SAID, "label": {"zh": SAID}}],
        }
    ],
}
VIEW = {"name": "gravest", "filters": {"severity": ["s1"], "text": "支付"}, "sort": "due", "is_shared": True}

BULK = {"filters": {"text": "支付"}, "changes": {"assignee": "u1", "add_tags": ["refund"]}}


async def make(api: Api) -> dict[str, str]:
    """Make one of each."""
    feedback = (await post(api, "/v1/feedback", {"body": "支付失败"}))["id"]
    team = (await post(api, "/v1/teams", TEAM | {"name": "first line"}))["id"]
    reply = (await post(api, "/v1/canned-replies", CANNED_REPLY))["id"]
    await post(api, "/v1/chats", {"body": "有人吗？"})
    return {
        "feedback_id": feedback,
        "canned_reply_id": reply,
        "macro_id": (await post(api, "/v1/macros", MACRO | {"canned_reply_id": reply}))["id"],
        "bulk_change_id": (await post(api, "/v1/feedback:bulk", BULK))["id"],
        "view_id": (await post(api, "/v1/views", VIEW))["id"],
        "routing_rule_id": (await post(api, "/v1/routing-rules", ROUTING_RULE | {"team_id": team, "assignee": None}))[
            "id"
        ],
        "calendar_id": (await post(api, "/v1/calendars", CALENDAR))["id"],
        "team_id": (await post(api, "/v1/teams", TEAM))["id"],
        "form_id": (await post(api, "/v1/forms", FORM | {"slug": "first"}))["id"],
        "sla_policy_id": (await post(api, "/v1/sla-policies", SLA_POLICY))["id"],
    }


WORLD = World(
    "feedback",
    make,
    bodies={
        "PATCH /v1/calendars/{calendar_id}": {"name": "another"},
        "PATCH /v1/teams/{team_id}": {"members": []},
        "PATCH /v1/sla-policies/{sla_policy_id}": {"position": 11},
        "PATCH /v1/routing-rules/{routing_rule_id}": {"position": 11},
        "PATCH /v1/canned-replies/{canned_reply_id}": {"name": "another"},
        "PATCH /v1/macros/{macro_id}": {"name": "another"},
        "PATCH /v1/forms/{form_id}": {"name": "another"},
        "PATCH /v1/views/{view_id}": {"name": "another"},
        "PUT /v1/feedback/{feedback_id}/watchers": {"user_ids": ["u1"]},
        "DELETE /v1/feedback/{feedback_id}/watchers": {"user_ids": ["u1"]},
    },
    changes={
        "PATCH /v1/calendars/{calendar_id}": {"time_zone": "Europe/Berlin"},
        "PATCH /v1/teams/{team_id}": {"members": [{"user_id": "u3"}]},
        "PATCH /v1/sla-policies/{sla_policy_id}": {"first_reply": "PT2H"},
        "PATCH /v1/routing-rules/{routing_rule_id}": {"enabled": False},
        "PATCH /v1/canned-replies/{canned_reply_id}": {"texts": [{"locale": "en", "body": "Thanks."}]},
        "PATCH /v1/macros/{macro_id}": {"status": "open"},
        "PATCH /v1/forms/{form_id}": {"enabled": False},
        "PATCH /v1/views/{view_id}": {"filters": {"status": ["open"]}},
    },
    worded={
        "POST /v1/calendars": CALENDAR | {"name": SAID, "days": [DAYS[0] | {"name": SAID}]},
        "PATCH /v1/calendars/{calendar_id}": {"name": SAID, "days": [DAYS[0] | {"name": SAID}]},
        "POST /v1/teams": {"name": SAID, "members": [{"user_id": SAID}]},
        "PATCH /v1/teams/{team_id}": {"members": [{"user_id": SAID}]},
        "POST /v1/sla-policies": SLA_POLICY | {"name": SAID, "when": WORDED},
        "PATCH /v1/sla-policies/{sla_policy_id}": {"name": SAID, "when": WORDED},
        "POST /v1/routing-rules": ROUTING_RULE
        | {"name": SAID, "when": WORDED, "assignee": SAID, "escalate_assignee": SAID},
        "PATCH /v1/routing-rules/{routing_rule_id}": {"name": SAID, "when": WORDED, "escalate_assignee": SAID},
        "PUT /v1/feedback/{feedback_id}/watchers": {"user_ids": [SAID]},
        "DELETE /v1/feedback/{feedback_id}/watchers": {"user_ids": [SAID]},
        "POST /v1/canned-replies": {"name": SAID, "texts": [{"locale": "en", "body": SAID}]},
        "PATCH /v1/canned-replies/{canned_reply_id}": {"name": SAID, "texts": [{"locale": "en", "body": SAID}]},
        "POST /v1/feedback:bulk": BULK | {"filters": {"text": SAID}, "changes": {"team": SAID, "add_tags": [SAID]}},
        "POST /v1/feedback:bulk-preview": BULK | {"filters": {"text": SAID}, "changes": {"team": SAID}},
        "POST /v1/views": VIEW | {"name": SAID, "filters": {"text": SAID, "tag": [SAID], "team": [SAID]}},
        "PATCH /v1/views/{view_id}": {"name": SAID, "filters": {"text": SAID, "area": [SAID]}},
        "POST /v1/macros": MACRO | {"name": SAID, "note": SAID, "team": SAID, "assignee": SAID, "add_tags": [SAID]},
        "POST /v1/chats": {"body": SAID, "name": SAID, "page": SAID},
        "POST /v1/forms": FORM | WORDED_FORM | {"name": SAID, "area": SAID, "tags": [SAID]},
        "PATCH /v1/forms/{form_id}": WORDED_FORM | {"name": SAID, "area": SAID, "tags": [SAID]},
        "PATCH /v1/macros/{macro_id}": {"name": SAID, "note": SAID, "remove_tags": [SAID]},
    },
    no_changes={"PUT /v1/feedback/{feedback_id}/watchers": {"user_ids": ["u9"]}},
    queries={"GET /v1/calendars/{calendar_id}/due-time": {"start": "2026-10-01T00:00:00Z", "working": "PT1H"}},
)
