"""A call that is to be answered."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

CALL = {
    "direction": "inbound",
    "outcome": "missed",
    "started_at": "2026-11-22T07:00:00Z",
    "user_id": "u1",
    "phone": "+86 10 1234 5678",
    "callback_due_at": "2026-11-23T07:00:00Z",
}


async def make(api: Api) -> dict[str, str]:
    """Note a call."""
    return {"call_id": (await post(api, "/v1/calls", CALL))["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={"POST /v1/calls": CALL, "PATCH /v1/calls/{call_id}": {"name": "another"}},
    changes={"PATCH /v1/calls/{call_id}": {"outcome": "voicemail"}},
    worded={
        "POST /v1/calls": CALL | {"name": SAID, "summary": SAID},
        "PATCH /v1/calls/{call_id}": {"name": SAID, "summary": SAID},
    },
)
