"""A file of recipients that is still to be read."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World

BATCH = {
    "items": [
        {
            "user_id": "u1",
            "email": "u1@example.test",
            "locale": "en",
            "name": "n",
            "time_zone": "Asia/Shanghai",
            "topics": {"news": True},
            "consent": {"source": "form", "at": "2025-06-01T00:00:00Z"},
        }
    ],
    "consent": {"source": "form", "at": "2025-06-01T00:00:00Z"},
}


async def make(api: Api) -> dict[str, str]:
    """Upload a file."""
    headers = await api.key() | {"Content-Type": "text/csv"}
    made = await api.client.post("/v1/recipient-imports", content=b"user_id,email\nu1,nobody\n", headers=headers)
    assert made.status_code == 202, made.text
    return {"import_id": made.json()["id"]}


WORLD = World(
    "notifications",
    make,
    worded={
        "POST /v1/recipients:batch": {
            "items": [{"user_id": "u2", "email": MAIL, "name": SAID}],
            "consent": {"source": SAID, "at": "2025-06-01T00:00:00Z"},
        }
    },
)
