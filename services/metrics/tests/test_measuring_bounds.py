"""What one KPI may cost: each that it stands on is read once, and what takes too long gives way to the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest_asyncio
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_recurring
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.measuring import rules
from opsloop_metrics.measuring.timers import DUE

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}


@pytest_asyncio.fixture
async def world(world):
    world.api.clock.set(NOON)
    return world


def formula(formula, **of):
    return {"type": "formula", "formula": formula, "of": of}


async def shown(world, key):
    return await world.get(f"/v1/kpis/{key}")


async def rewrite(world, key, measure):
    """Give a KPI a measure as one from before the rules was kept."""
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        given = {"key": key, "measure": measure, "now": world.api.clock.now()}
        await session.execute(
            text("UPDATE kpi SET measure = CAST(:measure AS jsonb), measure_at = :now WHERE key = :key"), given
        )


async def test_each_kpi_behind_a_formula_is_read_once(world, monkeypatch):
    """f1 = base + base, f2 = f1 + f1, … f18: 2^18 ways lead to base, and 19 KPIs stand on it."""
    await world.kpi(key="f0")
    await world.report(1, key="f0")
    for place in range(1, 19):
        await world.kpi(formula("a + b", a=f"f{place - 1}", b=f"f{place - 1}"), key=f"f{place}")
    read = []
    plain = kpis.get

    async def get(session, key):
        read.append(key)
        return await plain(session, key)

    monkeypatch.setattr(kpis, "get", get)

    await world.recur()

    assert (await shown(world, "f18"))["value"] == 2**18
    assert len(read) == sum(range(19))  # of each formula those behind it


async def test_a_formula_that_takes_too_long_is_told(world, monkeypatch):
    await world.kpi(key="a")
    await world.report(1, key="a")
    await world.kpi(formula("a + b", a="a", b="a"), key="f")
    monkeypatch.setattr(rules, "MOST_SECONDS_EACH", -1.0)

    async def whatever(session, seconds):
        """Leave statements the time that they have."""

    monkeypatch.setattr("opsloop_metrics.measuring.queries.give_up_after", whatever)

    await world.recur()

    found = await shown(world, "f")
    assert (found["value"], found["measure_error"]) == (None, "it takes longer than 10 s")


async def test_a_statement_that_takes_too_long_ends_no_turn(world, monkeypatch):
    """Events cannot be read for as long as somebody else holds their table; what needs none of them is measured."""
    monkeypatch.setattr(rules, "MOST_SECONDS_EACH", 0.2)
    await world.kpi(COUNT, key="slow")
    await world.kpi(key="a")
    await world.report(3, key="a")
    await world.kpi(formula("a * 2", a="a"), key="f")
    async with world.api.db.transaction() as session:
        await session.execute(text("LOCK TABLE domain_event IN ACCESS EXCLUSIVE MODE"))
        await run_recurring(world.api.db, DUE)

    assert (await shown(world, "slow"))["measure_error"] == "it takes longer than 10 s"
    assert (await shown(world, "f"))["value"] == 6

    world.api.clock.advance(rules.LATER)
    await world.recur()
    found = await shown(world, "slow")
    assert (found["value"], found["measure_error"]) == (0, None)


async def test_a_formula_waits_no_longer_than_a_quarter_of_an_hour_for_those_that_never_end(world):
    """At noon both wait; what is due when a formula has waited for a quarter of an hour comes after it."""
    await world.kpi(key="a")
    await world.report(1, key="a")
    await world.kpi(formula("a", a="a"), key="f")
    await world.kpi(COUNT, key="early")
    await world.kpi(COUNT, key="late")
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        late = {"late": NOON + rules.LATER + timedelta(seconds=1)}
        await session.execute(text("UPDATE kpi SET measure_at = :late WHERE key = 'late'"), late)
    world.api.clock.advance(rules.LATER + MINUTE)

    order = []
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        while (waiting := await kpis.next_to_measure(session, else_in=rules.LATER)) is not None:
            order.append((await kpis.locked(session, waiting.kpi_id)).key)

    assert order == ["early", "f", "late"]


async def test_a_period_that_cannot_be_ended_is_not_asked_again_at_once(world):
    """f was measured on the 25th; when that is over, it stands on itself."""
    await world.kpi(key="a")
    await world.report(1, key="a")
    await world.kpi(formula("a", a="a"), key="f")
    await world.recur()
    world.api.clock.set(MIDNIGHT + MINUTE)
    await rewrite(world, "f", '{"type": "formula", "formula": "a", "of": {"a": "f"}}')

    await world.recur()

    assert (await shown(world, "f"))["measure_error"] == "its formulas stand on each other"
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        again = await session.scalar(text("SELECT measure_at FROM kpi WHERE key = 'f'"))
    assert again == MIDNIGHT + 2 * MINUTE
