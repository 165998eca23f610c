"""A file of posts that is still to be read."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import World


async def make(api: Api) -> dict[str, str]:
    """Upload a file."""
    headers = await api.key() | {"Content-Type": "text/csv"}
    made = await api.client.post("/v1/feedback-imports", content=b"external_id,body\nf1,It fails\n", headers=headers)
    assert made.status_code == 202, made.text
    return {"import_id": made.json()["id"]}


WORLD = World("feedback", make)
