"""The one engine in a process of tests: chDB holds one folder at a time. A plugin, since several folders of tests ask for it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from opsloop_metrics.store.embedded import EmbeddedStore
    from opsloop_metrics.store.engine import Engine

TABLES = ("event", "person", "person_override", "seen")
INSERTED = re.compile(r"\s*INSERT INTO opsloop\.(\w+)")


@pytest.fixture(scope="session")
def events_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Keep one engine for all tests of a process. It knows what was written to, so that only that has to be emptied."""
    from opsloop_metrics.store.embedded import EmbeddedStore

    class Known(EmbeddedStore):
        written: set[str]

        def _run(self, sql: str, parameters: dict[str, str]) -> bytes:
            if (into := INSERTED.match(sql)) is None:
                return super()._run(sql, parameters)
            self.written.add(into[1])
            try:
                return super()._run(sql, parameters)
            finally:
                self.written.add(into[1])  # whoever emptied it meanwhile did so too early

    engine = Known(tmp_path_factory.mktemp("events"))
    engine.written = set()
    asyncio.run(without_syncs(engine))
    yield engine
    asyncio.run(engine.close())


async def without_syncs(store: Engine) -> None:
    """Let the disk write when it likes: what a test stores need not survive the machine, and each part waits for 40 ms and more."""
    for table in TABLES[:3]:
        await store.change(
            f"ALTER TABLE opsloop.{table} MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0"
        )


async def emptied(store: Engine) -> None:
    """Take everything out of an event store."""
    written = getattr(store, "written", set(TABLES))
    for table in sorted(written & set(TABLES)):
        written.discard(table)
        await store.change(
            "DELETE FROM opsloop.seen WHERE true" if table == "seen" else f"TRUNCATE TABLE opsloop.{table}"
        )
