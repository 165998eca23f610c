"""One post."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World, post


async def make(api: Api) -> dict[str, str]:
    """Make one feedback."""
    return {"feedback_id": (await post(api, "/v1/feedback", {"body": "支付失败"}))["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={
        "PATCH /v1/feedback/{feedback_id}": {"title": "another"},
        "POST /v1/feedback/{feedback_id}/messages": {"kind": "note", "body": "seen"},
    },
    changes={"PATCH /v1/feedback/{feedback_id}": {"severity": "s4"}},
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
    },
)
