"""One post, and words that mean one thing."""

from __future__ import annotations

from opsloop_common.testing.events import deliver
from opsloop_common.testing.http import Api
from opsloop_feedback.arrivals.consumers import ARRIVALS
from tests.contracts.worlds.world import MAIL, SAID, World, post


async def make(api: Api) -> dict[str, str]:
    """Make one feedback and a group of synonyms."""
    made = {
        "feedback_id": (await post(api, "/v1/feedback", {"body": "支付失败"}))["id"],
        "synonym_id": (await post(api, "/v1/synonyms", {"terms": ["飞鸽盘", "pigeon drive"]}))["id"],
    }
    await deliver(api.db, ARRIVALS, *await api.events())  # so that it is found
    return made


WORLD = World(
    "feedback",
    make,
    bodies={
        "PATCH /v1/feedback/{feedback_id}": {"title": "another"},
        "POST /v1/feedback/{feedback_id}/messages": {"kind": "note", "body": "seen"},
        "POST /v1/feedback/{feedback_id}/merge": {"into": "01a20436-ee46-7e51-8490-d378feeb2c20"},
        "PATCH /v1/synonyms/{synonym_id}": {"terms": ["another"]},
    },
    changes={
        "PATCH /v1/feedback/{feedback_id}": {"severity": "s4"},
        "PATCH /v1/synonyms/{synonym_id}": {"terms": ["changed"]},
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
        "POST /v1/feedback:batch": {"items": [{"external_id": "w", "body": SAID}]},
        "POST /v1/feedback/{feedback_id}/messages": {"kind": "reply", "body": SAID},
        "POST /v1/synonyms": {"terms": [SAID]},
        "PATCH /v1/synonyms/{synonym_id}": {"terms": [SAID]},
    },
    without_words=frozenset({"POST /v1/feedback/{feedback_id}/merge"}),
)
