"""A file that nothing names yet."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import World


async def make(api: Api) -> dict[str, str]:
    """Upload a file."""
    headers = await api.key() | {"Content-Type": "text/plain"}
    made = await api.client.post("/v1/attachments", content=b"a line of a log", headers=headers)
    assert made.status_code == 201, made.text
    return {"attachment_id": made.json()["id"]}


WORLD = World("feedback", make)
