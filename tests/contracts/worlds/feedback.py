"""One post."""

from __future__ import annotations

from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World, post

RULE = {
    "name": "VIP",
    "when": [{"field": "data.attributes.tier", "op": "eq", "value": "vip"}],
    "set": {"severity": "s1", "add_tags": ["vip"]},
}
LEARNT = (
    "INSERT INTO triage_correction (feedback_id, field, workspace, said, label, corrected_by, corrected_at) "
    "VALUES (:feedback_id, 'kind', 'acme', 'bug', 'idea', 'key:1', :now)",
    "INSERT INTO triage_model (workspace, field, version, active, corrections, lessons, rules_score, learner_score, trained_at, "
    "document) VALUES ('acme', 'kind', 1, false, 20, 20, 0.5, 0.4, :now, '{}')",
)
"""What a minute's learning would leave."""


async def make(api: Api) -> dict[str, str]:
    """Make one feedback."""
    feedback_id = (await post(api, "/v1/feedback", {"body": "支付失败"}))["id"]
    async with api.db.transaction(Context(workspace="acme")) as session:
        for statement in LEARNT:
            await session.execute(text(statement), {"feedback_id": feedback_id, "now": api.clock.now()})
    rule = await post(api, "/v1/triage-rules", RULE)
    area = await post(api, "/v1/taxonomy", {"name": "Payments", "words": ["支付"]})
    return {"feedback_id": feedback_id, "triage_rule_id": rule["id"], "area_id": area["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={
        "POST /v1/triage-rules": RULE | {"name": "another"},
        "POST /v1/taxonomy": {"name": "Maps"},
        "PATCH /v1/taxonomy/{area_id}": {"words": ["付款"]},
        "PATCH /v1/triage-rules/{triage_rule_id}": {"position": 7},
        "PATCH /v1/feedback/{feedback_id}": {"title": "another"},
        "POST /v1/feedback/{feedback_id}/messages": {"kind": "note", "body": "seen"},
    },
    changes={
        "PATCH /v1/triage-rules/{triage_rule_id}": {"enabled": False},
        "PATCH /v1/taxonomy/{area_id}": {"words": ["结账"]},
        "PATCH /v1/feedback/{feedback_id}": {"severity": "s4"},
    },
    worded={
        "POST /v1/feedback": {
            "body": SAID,
            "title": SAID,
            "author": {"email": MAIL, "name": SAID},
            "attributes": {"a": SAID},
        },
        "PATCH /v1/feedback/{feedback_id}": {"title": SAID},
        "POST /v1/triage-rules": RULE | {"name": SAID},
        "POST /v1/taxonomy": {"name": SAID, "words": [SAID]},
        "PATCH /v1/taxonomy/{area_id}": {"words": [SAID]},
        "POST /v1/feedback:batch": {"items": [{"external_id": "w", "body": SAID}]},
        "POST /v1/feedback/{feedback_id}/messages": {"kind": "reply", "body": SAID},
    },
    without_words=frozenset({"PATCH /v1/triage-rules/{triage_rule_id}", "POST /v1/triage-rules/preview"}),
)
