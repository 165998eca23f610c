"""A reply that is said later."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

SCHEDULED_REPLY = {"body": "明天修好。", "send_at": "2026-12-24T07:00:00Z"}


async def make(api: Api) -> dict[str, str]:
    """Write one about a post of its own."""
    feedback = (await post(api, "/v1/feedback", {"body": "支付失败"}))["id"]
    planned = await post(api, f"/v1/feedback/{feedback}/scheduled-replies", SCHEDULED_REPLY)
    return {"scheduled_reply_id": planned["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={
        "POST /v1/feedback/{feedback_id}/scheduled-replies": SCHEDULED_REPLY,
        "PATCH /v1/scheduled-replies/{scheduled_reply_id}": {"body": "another"},
    },
    changes={"PATCH /v1/scheduled-replies/{scheduled_reply_id}": {"send_at": "2026-12-25T07:00:00Z"}},
    worded={
        "POST /v1/feedback/{feedback_id}/scheduled-replies": SCHEDULED_REPLY | {"body": SAID},
        "PATCH /v1/scheduled-replies/{scheduled_reply_id}": {"body": SAID},
    },
)
