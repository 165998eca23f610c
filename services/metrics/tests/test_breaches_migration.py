"""Explanations from before they were kept as they are shown have their `from` under that name."""

from __future__ import annotations

import json
from uuid import uuid4

from sqlalchemy import text

from services.metrics.tests.test_kpis_migration import Store, store

__all__ = ["store"]

INCIDENT = text(
    "INSERT INTO incident (id, workspace, monitor_id, kpi_id, kpi, type, severity, started_at, opened_at, explanation) "
    "VALUES (:id, :workspace, :id, :id, 'k', 'threshold', 'info', now(), now(), CAST(:explanation AS jsonb))"
)
KEPT = {"from_": "2026-11-26T00:00:00Z", "to": "2026-11-27T00:00:00Z", "fields": []}
SHOWN = {"from": "2026-11-26T00:00:00Z", "to": "2026-11-27T00:00:00Z", "fields": []}


async def explanations(store: Store) -> list[object]:
    found = await store.connection.scalars(
        text("SELECT explanation FROM incident ORDER BY workspace, explanation IS NULL")
    )
    return list(found)


async def test_what_was_kept_by_another_name_is_renamed_there_and_back(store: Store):
    await store.migrate("0023")
    for workspace, explanation in (("acme", KEPT), ("acme", None), ("other", KEPT)):
        given = None if explanation is None else json.dumps(explanation)
        await store.connection.execute(INCIDENT, {"id": uuid4(), "workspace": workspace, "explanation": given})

    await store.migrate("0024")
    assert await explanations(store) == [SHOWN, None, SHOWN]

    await store.migrate("0023", down=True)
    assert await explanations(store) == [KEPT, None, KEPT]
    await store.migrate("0024")
