"""A writer in a process of its own, to be killed: `python -m services.metrics.tests.writing_process DATABASE CLICKHOUSE BATCHES STEP`.

It writes the same batches each time, from the last to the first where STEP is -1, again when it is refused, and ends when all were
answered.
"""

from __future__ import annotations

import asyncio
import sys
from unittest.mock import Mock

from opsloop_common.clock import SystemClock
from opsloop_common.db import Database, app_role
from opsloop_common.secretbox import SecretBox
from opsloop_common.supervision import patiently, supervised
from opsloop_metrics.app import SERVICE
from opsloop_metrics.monitors import service as watching
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.store.port import StoreUnavailable
from opsloop_metrics.store.server import ServerStore
from opsloop_metrics.visits.rules import nowhere
from services.metrics.tests.entries import batch


async def main(url: str, clickhouse: str, batches: str, step: str) -> None:
    """Write until all is answered."""
    database = Database(url, service=SERVICE.name, clock=SystemClock(), role=app_role(SERVICE.name))
    store = ServerStore(clickhouse)
    database.grounds.ports = MetricsPorts(
        watching=watching,
        muting=Mock(),
        store=store,
        sink=Mock(),
        find_place=nowhere,
        secrets=SecretBox("a secret of tests"),
        person_events=Mock(),
        feed=Mock(),
        insights={},
        answers=Mock(),
        outbound=Mock(),
        keys_asking=Mock(),
    )
    writer = Writer(database, store, is_shared=True)
    async with supervised({"writer": writer.run}):
        for number in range(int(batches))[:: int(step)]:
            entries = await batch(number)
            await patiently(
                "the store",
                lambda entries=entries: writer.take(entries),
                passing=lambda error: isinstance(error, StoreUnavailable),
                for_seconds=60,
            )
    await store.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
