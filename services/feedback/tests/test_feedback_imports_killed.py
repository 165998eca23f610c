"""An import whose process is killed goes on where it stood: each post comes once, and is counted once; so with its undoing."""

import json

import pytest

from opsloop_feedback.app import SERVICE
from services.feedback.tests.feedback_files_process import BAD, ROWS
from services.metrics.tests.processes import run_module

pytestmark = pytest.mark.slow
MODULE = "services.feedback.tests.feedback_files_process"


async def run(url, undoes, failpoint):
    return await run_module(MODULE, url, undoes, failpoint=failpoint, seconds=120)


async def test_each_post_comes_once_whenever_the_process_dies(databases):
    url = await databases.create(SERVICE)
    try:
        for place in ("feedback.import_noted:1", "feedback.import_noted:4", "feedback.import_noted:2"):
            code, printed = await run(url, "", place)
            assert code == -9, f"it was to die at {place} and ended with {code}: {printed}"
        code, imported = await run(url, "", None)
        assert code == 0, imported
        code, printed = await run(url, "undo", "feedback.import_undone:3")
        assert code == -9, printed
        code, undone = await run(url, "undo", None)
        assert code == 0, undone
    finally:
        await databases.drop(url)

    counts = {"rows": ROWS + BAD, "created": ROWS, "existing": 0, "refused": BAD, "feedback_import_error": BAD}
    assert json.loads(imported) == counts | {
        "stage": "done", "feedback": ROWS, "feedback_message": ROWS, "removed": 0, "kept": 0, "outbox": 2 * ROWS,
    }  # fmt: skip
    assert json.loads(undone) == counts | {
        "stage": "undone", "feedback": 0, "feedback_message": 0, "removed": ROWS, "kept": 0, "outbox": 2 * ROWS,
    }  # fmt: skip
