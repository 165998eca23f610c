"""KPIs while several change them at once, what the log keeps of them, and what becomes of those from before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import text

from opsloop_common.db import Context, ports_of
from opsloop_metrics.ports import MetricsPorts
from services.metrics.tests.chart_answers import ANSWERS
from services.metrics.tests.kept_questions import Asked, all_insights

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
REPORTED = {"type": "reported"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


@pytest_asyncio.fixture
async def world(world):
    """Return a world at noon, whose insights answer at once."""
    ports_of(world.api.db, MetricsPorts).insights.update(all_insights(Asked()))
    world.api.clock.set(NOON)
    return world


def formula(formula, **of):
    return {"type": "formula", "formula": formula, "of": of}


async def shown(world, key="k"):
    return await world.get(f"/v1/kpis/{key}")


async def test_one_of_many_takes_a_template_and_one_insight_is_kept(world):
    answers = await asyncio.gather(*(world.send("POST", "/v1/kpis", json={"template": "mau"}) for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert len((await world.get("/v1/insights"))["items"]) == 1


async def test_values_reported_at_once_leave_the_latest(world):
    await world.kpi()

    await asyncio.gather(*(world.report(place, at=NOON - place * MINUTE) for place in range(10)))

    assert (await shown(world))["value"] == 0
    assert [point["value"] for point in (await shown(world))["series"]] == [0]


async def test_of_two_who_would_close_a_ring_one_is_refused(world):
    """a = f(b) and b = f(a), each allowed by what the other was before."""
    for key in ("a", "b"):
        await world.kpi(key=key)
    for _ in range(4):
        answers = await asyncio.gather(
            world.send("PATCH", "/v1/kpis/a", json={"measure": formula("x", x="b")}),
            world.send("PATCH", "/v1/kpis/b", json={"measure": formula("x", x="a")}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        for key in ("a", "b"):
            await world.send("PATCH", f"/v1/kpis/{key}", json={"measure": REPORTED})


async def test_what_a_formula_begins_to_stand_on_is_not_deleted_meanwhile(world):
    """Whoever comes second is refused: the formula, or the deletion."""
    for place in range(4):
        base, made = f"base{place}", {"key": f"f{place}", "name": "F", "measure": formula("x", x=f"base{place}")}
        await world.kpi(key=base)
        gone, formed = await asyncio.gather(
            world.send("DELETE", f"/v1/kpis/{base}"), world.send("POST", "/v1/kpis", json=made)
        )
        assert (gone.status_code, formed.status_code) in ((204, 422), (409, 201))


async def test_what_a_key_result_begins_to_measure_is_deleted_before_or_after_it(world):
    objective = (await world.post("/v1/objectives", {"title": "Stay", "period": "2026-Q4"}))["id"]
    results = f"/v1/objectives/{objective}/key-results"
    for place in range(4):
        await world.kpi(key=f"base{place}")
        body = {"title": "R", "kpi": f"base{place}", "start": 0, "target": 1}
        gone, added = await asyncio.gather(
            world.send("DELETE", f"/v1/kpis/base{place}"), world.send("POST", results, json=body)
        )
        assert (gone.status_code, added.status_code) in ((204, 201), (204, 422)), (gone.text, added.text)

    assert {each["kpi"] for each in (await world.get(results))["items"]} <= {None}


async def test_a_ring_is_told_when_it_is_measured(world):
    """As two left it who closed it at once, before they were refused."""
    for key in ("a", "b"):
        await world.kpi(key=key)
    await world.kpi(formula("x + 1", x="a"), key="c")
    await world.send("PATCH", "/v1/kpis/b", json={"measure": formula("x", x="c")})
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        ring = '{"type": "formula", "formula": "x", "of": {"x": "b"}}'
        await session.execute(
            text("UPDATE kpi SET measure = CAST(:ring AS jsonb), measure_at = :now WHERE key = 'a'"),
            {"ring": ring, "now": NOON},
        )

    await world.recur()

    for key in ("a", "b", "c"):
        found = await shown(world, key)
        assert found["value"] is None
        assert found["measure_error"] == "its formulas stand on each other"


async def test_values_come_while_it_is_measured(world):
    """Reported and measured at once: neither is lost, and nobody waits for ever."""
    insight = await world.post("/v1/insights", {"name": "A", "kind": "trends", "query": {}})
    await world.kpi({"type": "insight", "insight_id": insight["id"]}, key="i")
    await world.kpi()

    await asyncio.gather(world.recur(), *(world.report(place, at=NOON - place * MINUTE) for place in range(5)))

    assert (await shown(world))["value"] == 0
    assert (await shown(world, "i"))["value"] == ANSWERS["trends"]["series"][0]["total"]


async def test_what_somebody_wrote_is_not_in_the_log(world):
    of_somebody = {"type": "events", "event": "feedback.received", "aggregate": "count"}
    of_somebody["where"] = [{"field": "data.author.user_id", "op": "eq", "value": "private person"}]
    await world.kpi(of_somebody, description="private words about somebody", owner="private person")
    await world.send("PATCH", "/v1/kpis/k", json={"description": "other private words", "measure": REPORTED})
    admin = await world.api.key("metrics:admin")

    entries = (await world.send("GET", "/v1/audit", headers=admin)).json()["items"]

    told = str([entry for entry in entries if "kpi" in str(entry).lower()])
    assert "description" in told
    assert "'measure': '(events)'" in told
    assert "private" not in told


async def test_what_changes_nothing_is_no_change(world):
    fields = {"tags": ["a", "b"], "period": "week", "targets": [{"from": "2026-11-01", "to": "2026-11-30", "value": 4}]}
    await world.kpi(**fields, target=3, description="d")
    await world.report(2)
    before = await world.send("GET", "/v1/kpis/k")

    for body in ({}, fields, {"target": 3, "measure": REPORTED}, {"description": "d", "name": "A KPI"}):
        answer = await world.send("PATCH", "/v1/kpis/k", json=body)
        assert answer.status_code == 200
        assert (answer.json(), answer.headers["etag"]) == (before.json(), before.headers["etag"])


@pytest.mark.parametrize("field", ["description", "owner", "unit", "target"])
async def test_what_can_be_left_open_can_be_taken_back(world, field):
    await world.kpi(description="d", owner="growth", unit="%", target=3)

    answer = await world.send("PATCH", "/v1/kpis/k", json={field: None})

    assert (answer.status_code, answer.json()[field]) == (200, None)


@pytest.mark.parametrize("field", ["name", "tags", "targets", "period", "measure", "direction"])
async def test_what_cannot_be_left_open_is_not_taken_back(world, field):
    await world.kpi()

    answer = await world.send("PATCH", "/v1/kpis/k", json={field: None})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")


async def test_a_monitor_of_an_insight_needs_no_window_and_sees_silence(world):
    """Measured at 12:00 and then never again, as the insight is gone: silent from 12:30 on."""
    insight = await world.post("/v1/insights", {"name": "A", "kind": "trends", "query": {}})
    await world.kpi({"type": "insight", "insight_id": insight["id"]})
    await world.monitor(HIGH | {"value": 1e9})
    await world.monitor({"type": "no_data"}, window="PT30M")
    await world.recur()
    await world.tick(1)
    assert await world.state() == "ok"

    async with world.api.db.transaction(Context(workspace="acme")) as session:  # through the door KPIs hold it
        await session.execute(text("DELETE FROM saved_insight WHERE id = :id"), {"id": insight["id"]})
    world.api.clock.advance(29 * MINUTE)
    await world.recur()
    assert await world.state() == "ok"
    world.api.clock.advance(2 * MINUTE)
    await world.recur()
    await world.tick(1)

    assert await world.state() == "no_data"
    [told] = await world.told("kpi.no_data")
    assert told.data["kpi"] == "k"
    assert (await shown(world))["state"] == "no_data"


async def test_a_breach_on_a_formula_is_told_once_and_ends(world):
    """3 of 8 are less than half, 5 of 8 are not."""
    await world.kpi(key="paid")
    await world.kpi(key="visits")
    await world.kpi(formula("a / b", a="paid", b="visits"), key="conversion")
    await world.monitor({"type": "threshold", "operator": "lt", "value": 0.5}, key="conversion")
    await world.report(8, key="visits")
    for paid in (3, 3, 5):
        world.api.clock.advance(MINUTE)
        await world.report(paid, key="paid")
        await world.recur()
        await world.tick(1)

    assert [told.data["value"] for told in await world.told("kpi.breached")] == [0.375]
    assert [told.data["value"] for told in await world.told("kpi.recovered")] == [0.625]
