"""Monitors from before there were several conditions look back as far as their windows; going back takes what nobody could watch."""

from __future__ import annotations

from uuid import uuid4

from sqlalchemy import text

from services.metrics.tests.test_kpis_migration import Store, store

__all__ = ["store"]

INCIDENT = text(
    "INSERT INTO incident (id, workspace, monitor_id, kpi_id, kpi, type, severity, started_at, opened_at) "
    "VALUES (:id, 'acme', :monitor_id, :kpi_id, 'k', :type, 'info', now(), now())"
)


async def monitors(store: Store, columns: str) -> set[tuple[object, ...]]:
    return {tuple(row) for row in await store.connection.execute(text(f"SELECT {columns} FROM monitor"))}


async def change(store: Store, kpi: str, values: str) -> None:
    await store.connection.execute(
        text(f"UPDATE monitor SET {values} WHERE kpi_id = (SELECT id FROM kpi WHERE key = :kpi)"), {"kpi": kpi}
    )


async def test_each_looks_back_as_far_as_its_window(store: Store):
    await store.kpi("acme", "slides", "ok")
    await store.kpi("other", "ever", "ok")
    await change(store, "slides", "\"window\" = interval '1 hour'")

    await store.migrate("0018")

    assert await monitors(store, "extract(epoch FROM reach)::int, calendar") == {(3600, None), (None, None)}


async def test_going_back_leaves_what_the_release_before_can_watch_and_show(store: Store):
    await store.kpi("acme", "kept", "ok")
    await store.kpi("acme", "anomaly", "ok")
    await store.kpi("acme", "calendar", "ok")
    await store.kpi("acme", "p95", measure='{"type": "events", "aggregate": "p95"}')
    await store.migrate("0018")
    await change(store, "calendar", "calendar = 'day'")
    await change(store, "anomaly", "condition_type = 'anomaly', operator = null, threshold = null, unusual = '{}'")
    for type in ("threshold", "anomaly"):
        ids = {"id": uuid4(), "monitor_id": uuid4(), "kpi_id": uuid4()}
        await store.connection.execute(INCIDENT, ids | {"type": type})

    await store.migrate("0017", down=True)

    assert await store.rows("key") == {("kept",), ("anomaly",), ("calendar",)}
    assert await monitors(store, "condition_type") == {("threshold",)}
    incidents = await store.connection.scalars(text("SELECT type FROM incident"))
    assert incidents.all() == ["threshold"]
    await store.migrate("0018")
