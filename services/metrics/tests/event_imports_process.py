"""An import in a process of its own, to be killed: `python -m services.metrics.tests.event_imports_process URL FOLDER`."""

import asyncio
import json
import sys

from sqlalchemy import select, text

from opsloop_common.clock import SystemClock
from opsloop_common.db import Context, Database, app_role
from opsloop_common.due.claims import release_dead_claims
from opsloop_common.ids import uuid7
from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import open_api, settings_for_tests
from opsloop_metrics.app import SERVICE
from opsloop_metrics.event_files.rules import Columns, Format
from opsloop_metrics.event_imports import service
from opsloop_metrics.event_imports.models import EventImport
from opsloop_metrics.ports import MetricsPorts
from services.metrics.tests.processes import run_module

ROWS = 5_000
BAD = 7


def file() -> bytes:
    """Return a file of so many rows, some of them bad."""
    good = (f"Paid,2024-05-06T07:08:09Z,u{place % 50},{place}\n" for place in range(ROWS))
    return ("event,time,user_id,amount\n" + "".join(good) + "Paid,never,u1,\n" * BAD).encode()


async def main(url: str, folder: str) -> None:
    """Import the file, or go on with it, and print what came of it."""
    service.BLOCK_ROWS = 1_000
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    try:
        async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings, events_path=folder)) as api:
            async with database.transaction(Context("acme")) as session:
                await release_dead_claims(session, "due", all=True, keep=uuid7())
                if (await session.scalars(select(EventImport.id))).first() is None:
                    given = {
                        "name": "n",
                        "format": Format.CSV,
                        "columns": Columns(),
                        "time_zone": None,
                        "source": "shop",
                        "has_more": False,
                    }
                    await service.create(session, file(), **given)
            await run_due(database, SERVICE.due)
            async with database.transaction(Context("acme")) as session:
                [found] = (await session.scalars(select(EventImport))).all()
                errors = (await session.execute(text("SELECT count(*) FROM rejection"))).scalar_one()
            store = api.runtime.ports.store
            counted = (
                "SELECT count(), uniqExact(id), uniqExact(JSONExtractInt(properties, 'amount')) FROM opsloop.event"
            )
            stored = [int(each) for each in (await store.query(counted)).rows[0]]
            assert isinstance(api.runtime.ports, MetricsPorts)
            told = {name: getattr(found, name) for name in ("stage", "rows", "stored", "known", "refused")}
            sys.stdout.write(json.dumps(told | {"events": stored, "errors": errors}) + "\n")
    finally:
        await database.close()


async def run(url: str, folder: str, failpoint: str | None) -> tuple[int, str]:
    """Run this module in a process that may be told where to die; returns its code and what it printed last."""
    return await run_module(__name__, url, folder, failpoint=failpoint, seconds=120)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
