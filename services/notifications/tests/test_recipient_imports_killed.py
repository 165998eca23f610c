"""An import whose process is killed goes on where it stood: each row is taken once, and counted once; so with its undoing."""

import json

import pytest

from opsloop_notifications.app import SERVICE
from services.metrics.tests.processes import run_module
from services.notifications.tests.recipient_files_process import BAD, ROWS

pytestmark = pytest.mark.slow
MODULE = "services.notifications.tests.recipient_files_process"


async def run(url, undoes, failpoint):
    return await run_module(MODULE, url, undoes, failpoint=failpoint, seconds=120)


async def test_each_row_is_taken_once_whenever_the_process_dies(databases):
    url = await databases.create(SERVICE)
    try:
        for place in ("notifications.import_noted:1", "notifications.import_noted:4", "notifications.import_noted:2"):
            code, printed = await run(url, "", place)
            assert code == -9, f"it was to die at {place} and ended with {code}: {printed}"
        code, imported = await run(url, "", None)
        assert code == 0, imported
        code, printed = await run(url, "undo", "notifications.import_undone:3")
        assert code == -9, printed
        code, undone = await run(url, "undo", None)
        assert code == 0, undone
    finally:
        await databases.drop(url)

    counts = {"rows": ROWS + BAD, "created": ROWS, "updated": 0, "refused": BAD, "recipient_import_error": BAD}
    assert json.loads(imported) == counts | {
        "stage": "done", "recipient": ROWS, "recipient_import_row": ROWS, "changed_twice": 0,
    }  # fmt: skip
    assert json.loads(undone) == counts | {
        "stage": "undone", "recipient": 0, "recipient_import_row": 0, "changed_twice": 0,
    }  # fmt: skip
