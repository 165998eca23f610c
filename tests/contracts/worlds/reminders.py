"""A reminder."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

REMINDER = {"text": "call them", "remind_at": "2040-01-01T08:00:00Z"}


async def make(api: Api) -> dict[str, str]:
    """Make a reminder."""
    return {"reminder_id": (await post(api, "/v1/reminders", REMINDER))["id"]}


WORLD = World(
    "sample",
    make,
    bodies={"PATCH /v1/reminders/{reminder_id}": {"text": "another"}},
    changes={"PATCH /v1/reminders/{reminder_id}": {"text": "changed"}},
    worded={
        "POST /v1/reminders": REMINDER | {"text": SAID},
        "PATCH /v1/reminders/{reminder_id}": {"text": SAID},
    },
)
