"""An import of posts in a process of its own, to be killed: `python -m services.feedback.tests.feedback_files_process URL`."""

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
from opsloop_feedback.app import SERVICE
from opsloop_feedback.feedback_imports import service
from opsloop_feedback.feedback_imports.models import FeedbackImport
from opsloop_feedback.feedback_imports.rules import FileType
from opsloop_feedback.import_formats.rules import Format
from services.feedback.tests.feedback_files import KINDS

ROWS = 2_000
BAD = 7


def file() -> bytes:
    """Return a file of so many rows, some of them bad."""
    good = "".join(f"p{place},Post {place} fails,We know,u{place}@example.test\n" for place in range(ROWS))
    return ("external_id,body,reply,email\n" + good + "p1,,,\n" * BAD).encode()


async def main(url: str, undoes: str) -> None:
    """Import the file, or go on with it, and undo it where that is asked; print what came of it."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    try:
        async with open_api(SERVICE, database, settings_for_tests(SERVICE.settings)):
            async with database.transaction(Context("acme")) as session:
                await release_dead_claims(session, "due", all=True, keep=uuid7())
                import_id = (await session.scalars(select(FeedbackImport.id))).first()
                if import_id is None:
                    kept, head = service.prepare(file(), FileType.CSV, Format.OPSLOOP, {})
                    given = {
                        "name": "n",
                        "tag": None,
                        "channel": None,
                        "source": "s",
                        "is_dry_run": False,
                        "mapping": {},
                    }
                    made = await service.create(session, kept, head, format=Format.OPSLOOP, type=FileType.CSV, **given)
                    import_id = made.id
                elif undoes == "undo":
                    await service.undo(session, import_id)
            await run_due(database, KINDS)
            async with database.transaction(Context("acme")) as session:
                [found] = (await session.scalars(select(FeedbackImport))).all()
                names = ("stage", "rows", "created", "existing", "refused", "removed", "kept")
                told = {name: getattr(found, name) for name in names}
                for table in ("feedback", "feedback_message", "feedback_import_error", "outbox"):
                    told[table] = (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            sys.stdout.write(json.dumps(told) + "\n")
    finally:
        await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
