"""KPIs from before the catalogue know the worst state of their monitors, and are measured soon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest_asyncio
from alembic import command
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from opsloop_common import database_address
from opsloop_common.ids import uuid7
from opsloop_common.migrations import config_for
from opsloop_common.testing.databases import TestDatabases
from opsloop_metrics.app import SERVICE

KPI = text(
    "INSERT INTO kpi (id, workspace, key, name, direction, measure, event_types, target_met, version, created_at, updated_at) "
    "VALUES (:id, :workspace, :key, 'k', 'up', CAST(:measure AS jsonb), '{}', false, 1, now(), now())"
)
MONITOR = text(
    "INSERT INTO monitor (id, workspace, kpi_id, condition_type, operator, threshold, hold_for, keep_firing_for, min_count, "
    "severity, enabled, state, since, incident_id, version, created_at, updated_at) VALUES (:id, :workspace, :kpi_id, "
    "'threshold', 'lt', 1, '0', '0', 1, 'warning', true, :state, now(), :incident_id, 1, now(), now())"
)
BEFORE = "0014"
FIRING = ("breached", "recovering", "no_data")


@dataclass
class Store:
    """A database whose schema is made by an ordinary role: row-level security holds it too, as in a careful deployment."""

    connection: AsyncConnection
    owner: str

    async def migrate(self, revision: str, *, down: bool = False) -> None:
        def run(connection):
            connection.execute(text(f"SET ROLE {self.owner}"))
            (command.downgrade if down else command.upgrade)(config_for(SERVICE, connection), revision)
            connection.execute(text("RESET ROLE"))

        await self.connection.run_sync(run)

    async def kpi(self, workspace: str, key: str, *states: str, measure: str = '{"type": "reported"}') -> None:
        """Keep a KPI as it once was, with monitors in some states."""
        kpi_id = uuid7()
        own = {"workspace": workspace, "key": key, "measure": measure}
        await self.connection.execute(KPI, own | {"id": kpi_id})
        for state in states:
            incident_id = uuid7() if state in FIRING else None
            monitor = {"id": uuid7(), "workspace": workspace, "kpi_id": kpi_id, "state": state}
            await self.connection.execute(MONITOR, monitor | {"incident_id": incident_id})

    async def rows(self, columns: str) -> set[tuple[object, ...]]:
        found = await self.connection.execute(text(f"SELECT {columns} FROM kpi"))
        return {tuple(row) for row in found}


@pytest_asyncio.fixture
async def store(databases: TestDatabases) -> AsyncIterator[Store]:
    """Yield a database as it was before."""
    owner = f"owner_{uuid4().hex[:12]}"
    url = await databases.create_empty(owner)
    engine = create_async_engine(database_address.read(url).url)
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE ROLE {owner}"))
        await connection.execute(text(f"GRANT ALL ON SCHEMA public TO {owner}"))
        await connection.commit()
        store = Store(connection, owner)
        await store.migrate(BEFORE)
        yield store
        await connection.rollback()
    await engine.dispose()
    await databases.drop(url)


async def test_each_knows_the_worst_of_its_monitors_and_waits_to_be_measured(store: Store):
    await store.kpi("acme", "none")
    await store.kpi("acme", "fine", "ok", "ok")
    await store.kpi("acme", "mixed", "ok", "breached", "pending")
    await store.kpi("other", "none", "recovering", "no_data")
    await store.kpi("other", "waits", "pending", "ok")

    await store.migrate("0015")

    assert await store.rows("workspace, key, state, period, cardinality(tags), measure_at <= now()") == {
        ("acme", "none", "ok", "day", 0, True),
        ("acme", "fine", "ok", "day", 0, True),
        ("acme", "mixed", "breached", "day", 0, True),
        ("other", "none", "no_data", "day", 0, True),
        ("other", "waits", "pending", "day", 0, True),
    }


async def test_going_back_leaves_what_the_release_before_can_measure(store: Store):
    await store.kpi("acme", "kept")
    await store.migrate("0015")
    await store.connection.execute(
        text("UPDATE kpi SET measure = CAST(:measure AS jsonb) WHERE key = 'kept'"), {"measure": '{"type": "reported"}'}
    )
    later = KPI.text.replace("updated_at)", "updated_at, tags, targets, period, state)").replace(
        "now(), now())", "now(), now(), '{}', '[]', 'day', 'ok')"
    )
    formula = '{"type": "formula", "formula": "a", "of": {"a": "kept"}}'
    await store.connection.execute(
        text(later), {"id": uuid7(), "workspace": "acme", "key": "formula", "measure": formula}
    )

    await store.migrate(BEFORE, down=True)

    assert await store.rows("workspace, key") == {("acme", "kept")}
    await store.migrate("0015")
    assert await store.rows("key, state") == {("kept", "ok")}
