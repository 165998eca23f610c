"""In which unit a key result is told: its KPI's, or one that was given."""

from __future__ import annotations

from csv import DictReader

import pytest
from sqlalchemy import text

from services.metrics.tests.goals import Goals, pointers
from services.metrics.tests.test_kpis_migration import Store, store

__all__ = ["store"]


@pytest.fixture
def goals(world):
    return Goals.before_the_quarter(world)


async def test_what_people_say_has_the_unit_that_was_given(goals):
    objective = await goals.objective()
    result = await goals.result(objective, unit="orders")
    assert (await goals.world.get(result))["unit"] == "orders"

    for unit in ("单", None):
        changed = await goals.world.send("PATCH", result, json={"unit": unit})
        assert (changed.status_code, changed.json()["unit"]) == (200, unit)
    assert (await goals.world.get(await goals.result(objective)))["unit"] is None


async def test_what_a_kpi_measures_has_its_unit_as_it_is_now(goals):
    world = goals.world
    await world.kpi(unit="CNY")
    objective = await goals.objective()
    result = await goals.result(objective, kpi="k")
    assert (await world.get(result))["unit"] == "CNY", "also before its time has begun"

    await world.send("PATCH", "/v1/kpis/k", json={"unit": "USD"})
    await goals.day(1)
    await goals.day(2)
    assert (await world.get(result))["unit"] == "USD"

    let_go = await world.send("PATCH", result, json={"kpi": None})
    assert (let_go.json()["kpi"], let_go.json()["unit"]) == (None, "USD")
    named = await world.send("PATCH", result, json={"unit": "EUR"})
    assert named.json()["unit"] == "EUR"
    tied = await world.send("PATCH", result, json={"kpi": "k"})
    assert tied.json()["unit"] == "USD"


async def test_it_stays_when_the_kpi_is_deleted(goals):
    world = goals.world
    await world.kpi(unit="CNY")
    result = await goals.result(await goals.objective(), kpi="k")
    assert (await world.send("DELETE", "/v1/kpis/k")).status_code == 204
    await goals.day(1)
    assert (await world.get(result))["unit"] == "CNY"


async def test_what_a_kpi_measures_takes_no_other_unit(goals):
    world = goals.world
    await world.kpi(unit="CNY")
    objective = await goals.objective()
    body = {"title": "t", "start": 0, "target": 1, "unit": "USD", "kpi": "k"}
    made = await world.send("POST", f"{objective}/key-results", json=body)
    result = await goals.result(objective, kpi="k")
    changed = await world.send("PATCH", result, json={"unit": "USD"})
    tied = await world.send("PATCH", await goals.result(objective), json={"kpi": "k", "unit": "USD"})
    let_go = await world.send("PATCH", result, json={"kpi": None, "unit": "USD"})

    assert [(each.status_code, pointers(each)) for each in (made, changed, tied)] == [(422, ["/unit"])] * 3
    assert (let_go.status_code, let_go.json()["unit"]) == (200, "USD")
    assert (await world.send("PATCH", result, json={"unit": "x" * 201})).status_code == 422


async def test_it_is_shown_in_the_picture_and_its_table(goals):
    objective = await goals.objective()
    await goals.result(objective, unit="orders")

    rows = list(DictReader((await goals.world.send("GET", f"{objective}.csv")).text.splitlines()))
    drawn = (await goals.world.send("GET", f"{objective}.svg")).text

    assert [row["unit"] for row in rows] == ["orders"]
    assert "from 0 to 100 orders" in drawn


async def test_those_from_before_have_the_unit_of_their_kpi(store: Store):
    await store.kpi("acme", "k", "ok")
    await store.migrate("0020")
    await store.connection.execute(text("UPDATE kpi SET unit = 'CNY'"))
    await store.connection.execute(
        text(
            "INSERT INTO objective (id, workspace, version, created_at, updated_at, title, first_day, last_day, pace, state, judged_at) "
            "VALUES ('00000000-0000-0000-0000-000000000001', 'acme', 1, now(), now(), 't', now(), now(), 0, 'not_started', now())"
        )
    )
    for kpi in ("(SELECT id FROM kpi)", "NULL"):
        await store.connection.execute(
            text(
                "INSERT INTO key_result (id, workspace, version, created_at, updated_at, objective_id, title, kpi_id, start, target, "
                "weight, state) SELECT gen_random_uuid(), 'acme', 1, now(), now(), id, 't', "
                f"{kpi}, 0, 1, 1, 'not_started' FROM objective"
            )
        )

    await store.migrate("0021")

    found = await store.connection.execute(text("SELECT kpi_id IS NOT NULL, unit FROM key_result"))
    assert {tuple(row) for row in found} == {(True, "CNY"), (False, None)}
