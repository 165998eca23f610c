"""What every service has."""

from __future__ import annotations

from sqlalchemy import insert

from opsloop_common.db import Context
from opsloop_common.due.tables import job
from opsloop_common.ids import uuid7
from opsloop_common.inbox.tables import parked_event
from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import World, post

ACME = Context(workspace="acme", actor="key:test")


async def make(api: Api) -> dict[str, str]:
    """Make a key, a secret of end users, a parked event and a job."""
    name = api.runtime.service.name
    key = await post(api, "/v1/api-keys", {"name": "partner", "scopes": [f"{name}:read"]})
    secret = await post(api, "/v1/user-secrets", {"name": "shop"})
    parked, work = uuid7(), uuid7()
    async with api.db.transaction(ACME) as session:
        await session.execute(
            insert(parked_event).values(
                id=parked, consumer=f"{name}.none", source="feedback", workspace="acme", status="failed",
                fingerprint="ValueError", reason="made up", attempts=3, origin="outbox@1", body=b"{}",
            )
        )  # fmt: skip
        await session.execute(
            insert(job).values(
                id=work, workspace="acme", kind="made up", created_by="key:test", created_at=api.clock.now()
            )
        )
    return {"key_id": key["id"], "secret_id": secret["id"], "parked_id": str(parked), "job_id": str(work)}


WORLD = World(
    "*",
    make,
    changes={"PATCH /v1/workspace": {"week_start": "sunday"}},
    worded={"POST /v1/api-keys": {"name": "partner"}, "POST /v1/user-secrets": {"name": "shop"}},
    without_words=frozenset(
        {"PATCH /v1/workspace", "POST /v1/parked-events/redrive", "POST /v1/parked-events/discard"}
    ),
)
