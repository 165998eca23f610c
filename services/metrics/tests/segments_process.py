"""A refresh in a process of its own, to be killed: `python -m services.metrics.tests.segments_process URL FOLDER enter|leave`."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from sqlalchemy import select, text

from opsloop_common.clock import SystemClock
from opsloop_common.db import Context, Database, app_role
from opsloop_common.due.claims import release_dead_claims
from opsloop_common.ids import uuid7
from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import open_api, settings_for_tests
from opsloop_common.versions import ANY_VERSION
from opsloop_metrics.app import SERVICE
from opsloop_metrics.segments import service
from opsloop_metrics.segments.models import Segment
from opsloop_metrics.segments.rules import SegmentKind
from services.metrics.tests.processes import run_module

PEOPLE = 100_000
_PERSONS = text(
    "INSERT INTO person (id, workspace, user_id, first_seen_at, is_identified, traits, set_at, version, created_at, updated_at) "
    "SELECT CAST(md5(CAST(n AS text)) AS uuid), 'acme', 'u' || n, now(), true, '{}', '{}', 1, now(), now() "
    "FROM generate_series(0, :people - 1) AS n"
)
_EVENTS = (
    "INSERT INTO opsloop.event (workspace, id, message_id, kind, event, time, distinct_id, person, properties) "
    "SELECT 'acme', generateUUIDv4(), toString(number), 'track', 'buy', now64(3) - 60, concat('u', toString(number)), "
    f"toUUID(UUIDNumToString(MD5(toString(number)))), '{{}}' FROM numbers({PEOPLE})"
)


def definition(event: str) -> dict[str, Any]:
    """Return whom a segment has who did something, as it is kept."""
    did = {"type": "event", "event": event, "where": [], "op": "ge", "count": 1, "within": None}
    return {"match": "all", "conditions": [did], "exclude": {"segment_ids": [], "user_ids": []}}


async def main(url: str, folder: str, phase: str) -> None:
    """Have all enter or leave, or go on with it, and print what came of it."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    try:
        async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings, events_path=folder)) as api:
            async with database.work(Context("acme")) as session:
                await release_dead_claims(session, "due", all=True, keep=uuid7())
                segment = (await session.scalars(select(Segment))).first()
                if segment is None:
                    await session.execute(_PERSONS, {"people": PEOPLE})
                    await api.runtime.ports.store.change(_EVENTS)
                    given = {"name": "s", "description": None, "kind": SegmentKind.DYNAMIC}
                    await service.create_segment(session, definition=definition("buy"), **given)
                elif phase == "leave" and segment.definition == definition("buy"):
                    changes = {"definition": definition("never")}
                    await service.change_segment(session, segment.id, changes, expected=ANY_VERSION)
            await run_due(database, SERVICE.due)
            async with database.work(Context("acme")) as session:
                told = [json.loads(each)["data"] for each in await session.scalars(_told(phase))]
                members = await session.scalar(text("SELECT count(*) FROM segment_member"))
            names = [name for data in told for name in data["user_ids"]]
            found = {"members": members, "told": len(names), "once": len(set(names))}
            chunk = max((len(data["user_ids"]) for data in told), default=0)
            instants = len({data["as_of"] for data in told})
            sys.stdout.write(json.dumps(found | {"chunk": chunk, "instants": instants}) + "\n")
    finally:
        await database.close()


def _told(phase: str) -> Any:
    kind = {"enter": "segment.entered", "leave": "segment.left"}[phase]
    return text("SELECT payload FROM outbox WHERE type = :kind").bindparams(kind=kind)


async def run(url: str, folder: str, phase: str, failpoint: str | None) -> tuple[int, str]:
    """Run this module in a process that may be told where to die; returns its code and what it printed last."""
    return await run_module(__name__, url, folder, phase, failpoint=failpoint, seconds=180)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
