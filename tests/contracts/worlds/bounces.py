"""A mail that came back."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World

AT = "2026-11-22T08:00:00Z"
BOUNCES = {
    "items": [{"type": "soft", "at": AT, "recipient": "gone@example.test", "message_id": "<m@x>", "detail": "d"}]
}


async def make(api: Api) -> dict[str, str]:
    """Have a provider tell of a mail."""
    answer = await api.client.post("/v1/mail/bounces", json=BOUNCES, headers=await api.key())
    assert answer.status_code == 200, answer.text
    return {}


WORLD = World(
    "notifications",
    make,
    bodies={"POST /v1/mail/bounces": BOUNCES},
    worded={
        "POST /v1/mail/bounces": {
            "items": [{"type": "hard", "at": AT, "recipient": MAIL, "message_id": SAID, "detail": SAID}]
        },
    },
)
