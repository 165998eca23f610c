"""A file of events of which parts are to come, and a message that was refused."""

from __future__ import annotations

from opsloop_common.db import Context
from opsloop_common.testing.http import Api
from opsloop_metrics.capture.rules import Problem, Reason
from opsloop_metrics.rejections import service as rejections
from tests.contracts.worlds.world import World

ROW = b'{"event": "Paid", "time": "2026-01-01T00:00:00Z", "user_id": "u1"}\n'


async def make(api: Api) -> dict[str, str]:
    """Begin to upload a file, and refuse a message."""
    headers = await api.key() | {"Content-Type": "application/x-ndjson"}
    made = await api.client.post("/v1/imports", content=ROW, params={"more": "true"}, headers=headers)
    assert made.status_code == 202, made.text
    async with api.db.transaction(Context("acme")) as session:
        problem = Problem(0, Reason.MISSING_ID, "nobody speaks", {"event": "Paid"})
        await rejections.record(session, [problem], source="shop", vendor="segment")
    return {"import_id": made.json()["id"], "number": "2"}


WORLD = World("metrics", make, bodies={"POST /v1/imports/{import_id}/parts/{number}": None})
