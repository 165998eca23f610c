"""One post, and words that mean one thing."""

from __future__ import annotations

from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.events import deliver
from opsloop_common.testing.http import Api
from opsloop_feedback.arrivals.consumers import ARRIVALS
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
    """Make one feedback, a group of synonyms, what a minute's learning would leave, a rule and an area."""
    made = {
        "feedback_id": (await post(api, "/v1/feedback", {"body": "支付失败"}))["id"],
        "synonym_id": (await post(api, "/v1/synonyms", {"terms": ["飞鸽盘", "pigeon drive"]}))["id"],
        "triage_rule_id": (await post(api, "/v1/triage-rules", RULE))["id"],
        "area_id": (await post(api, "/v1/taxonomy", {"name": "Payments", "words": ["支付"]}))["id"],
    }
    async with api.db.transaction(Context(workspace="acme")) as session:
        for statement in LEARNT:
            await session.execute(text(statement), {"feedback_id": made["feedback_id"], "now": api.clock.now()})
    await deliver(api.db, ARRIVALS, *await api.events())  # so that it is found
    return made


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
        "POST /v1/feedback/{feedback_id}/merge": {"into": "01a20436-ee46-7e51-8490-d378feeb2c20"},
        "PATCH /v1/synonyms/{synonym_id}": {"terms": ["another"]},
    },
    changes={
        "PATCH /v1/feedback/{feedback_id}": {"severity": "s4"},
        "PATCH /v1/synonyms/{synonym_id}": {"terms": ["changed"]},
        "PATCH /v1/triage-rules/{triage_rule_id}": {"enabled": False},
        "PATCH /v1/taxonomy/{area_id}": {"words": ["结账"]},
    },
    queries={"GET /v1/similar": {"text": "支付失败"}, "GET /v1/search": {"q": "支付失败"}},
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
        "POST /v1/synonyms": {"terms": [SAID]},
        "PATCH /v1/synonyms/{synonym_id}": {"terms": [SAID]},
    },
    without_words=frozenset(
        {
            "POST /v1/feedback/{feedback_id}/merge",
            "PATCH /v1/triage-rules/{triage_rule_id}",
            "POST /v1/triage-rules/preview",
        }
    ),
)
