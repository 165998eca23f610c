"""An import whose process is killed goes on where it stood: each row is there once, and counted once."""

import json

import pytest

from opsloop_metrics.app import SERVICE
from services.metrics.tests import event_imports_process
from services.metrics.tests.event_imports_process import BAD, ROWS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "places",
    [
        ["metrics.import_stored:1"],
        ["metrics.import_stored:3", "metrics.import_stored:1", "metrics.import_noted:2", "metrics.import_stored:2"],
    ],
)
async def test_each_row_is_there_once_whenever_the_process_dies(databases, tmp_path, places):
    url = await databases.create(SERVICE)
    try:
        for place in places:
            code, printed = await event_imports_process.run(url, str(tmp_path), place)
            assert code == -9, f"it was to die at {place} and ended with {code}: {printed}"

        code, printed = await event_imports_process.run(url, str(tmp_path), None)
    finally:
        await databases.drop(url)

    assert code == 0
    assert json.loads(printed) == {
        "stage": "done",
        "rows": ROWS + BAD,
        "stored": ROWS,
        "known": 0,
        "refused": BAD,
        "events": [ROWS, ROWS, ROWS],
        "errors": BAD,
    }
