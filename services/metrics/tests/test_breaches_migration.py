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


ROWS = [{"value": "s1", "change": 30.0}, {"value": "s4", "change": -10.0}]
BY_LIFT = [
    {"field": "data.severity", "lift": 0.9, "rows": ROWS, "other": None},
    {"field": "data.area", "lift": 0.25, "rows": ROWS[:1], "other": {"value": None, "change": -10.0}},
]
BY_MOVED = [
    {key: value for key, value in each.items() if key != "lift"} | {"net": 20, "gross": 40, "moved": moved}
    for each, moved in zip(BY_LIFT, (18, 5), strict=True)
]


async def test_fields_have_what_moved_in_them_and_in_their_order(store: Store):
    await store.migrate("0024")
    kept = (SHOWN | {"fields": BY_LIFT}, SHOWN, None)
    for workspace in ("acme", "other"):
        for explanation in kept:
            given = None if explanation is None else json.dumps(explanation)
            await store.connection.execute(INCIDENT, {"id": uuid4(), "workspace": workspace, "explanation": given})

    await store.migrate("0025")
    found = await explanations(store)
    assert [each["fields"] for each in found if each and each["fields"]] == [BY_MOVED] * 2
    assert (found.count(SHOWN), found.count(None)) == (2, 2)

    await store.migrate("0024", down=True)
    assert [each["fields"] for each in await explanations(store) if each and each["fields"]] == [BY_LIFT] * 2
    await store.migrate("0025")
