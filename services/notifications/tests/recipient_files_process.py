"""An import of recipients in a process of its own, to be killed: `python -m services.notifications.tests.recipient_files_process URL`."""

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
from opsloop_notifications.app import SERVICE
from opsloop_notifications.recipient_imports import service
from opsloop_notifications.recipient_imports.models import RecipientImport
from opsloop_notifications.recipient_imports.rules import Format
from services.notifications.tests.recipient_files import KINDS

ROWS = 5_000
BAD = 7


def file() -> bytes:
    """Return a file of so many rows, some of them bad."""
    good = "".join(f"u{place},u{place}@example.test\n" for place in range(ROWS))
    return ("user_id,email\n" + good + "u1,nobody\n" * BAD).encode()


async def main(url: str, undoes: str) -> None:
    """Import the file, or go on with it, and undo it where that is asked; print what came of it."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    try:
        async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings)):
            async with database.transaction(Context("acme")) as session:
                await release_dead_claims(session, "due", all=True, keep=uuid7())
                import_id = (await session.scalars(select(RecipientImport.id))).first()
                if import_id is None:
                    kept, head = service.prepare(file(), Format.CSV)
                    given = {"name": "n", "format": Format.CSV, "consent": None, "is_dry_run": False}
                    import_id = (await service.create(session, kept, head, **given)).id
                elif undoes == "undo":
                    await service.undo(session, import_id)
            await run_due(database, KINDS)
            async with database.transaction(Context("acme")) as session:
                [found] = (await session.scalars(select(RecipientImport))).all()
                told = {name: getattr(found, name) for name in ("stage", "rows", "created", "updated", "refused")}
                for table in ("recipient", "recipient_import_row", "recipient_import_error"):
                    told[table] = (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
                changed = text("SELECT count(*) FROM recipient WHERE version > 1")
                told["changed_twice"] = (await session.execute(changed)).scalar_one()
            sys.stdout.write(json.dumps(told) + "\n")
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
