"""A growth analyst's KPI over HTTP: paid conversion, a quotient of two counts, judged once a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from services.metrics.tests.days import DAY, Days

SIGNED, PAID = (
    {"type": "events", "event": f"feedback.{name}", "aggregate": "count"} for name in ("received", "replied")
)
CONVERSION = {"type": "ratio", "numerator": PAID, "denominator": SIGNED}
BELOW = {"type": "threshold", "operator": "lt", "value": 0.06}
QUARTER = {"from": "2026-10-01", "to": "2026-12-31", "value": 0.08}
FIRST = datetime(2026, 10, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def days(world) -> Days:
    """Return days of a quarter whose conversion was 4 % when it began."""
    days = Days(world)
    world.api.clock.set(FIRST - timedelta(hours=1))
    await happened(days, 4)
    world.api.clock.set(FIRST + 45 * DAY + timedelta(hours=1))
    return days


async def happened(days: Days, paid: int) -> None:
    """Let 100 people sign up, and some of them pay."""
    await days.stored([*(days.world.received() for _ in range(100)), *(days.world.replied(1) for _ in range(paid))])


async def a_day(days: Days, paid: int) -> str:
    """Let a day pass on which so many of 100 paid; returns the state."""
    days.world.api.clock.advance(DAY)
    await days.world.hear(*(days.world.received() for _ in range(100)), *(days.world.replied(1) for _ in range(paid)))
    await days.world.settle(1)
    return await days.world.state()


async def test_two_bad_days_are_one_breach_a_good_one_its_end_and_the_next_bad_one_another(world, days):
    await world.kpi(CONVERSION, owner="growth", unit="share", targets=[QUARTER])
    await happened(days, 7)
    await world.monitor(BELOW, window="P1D")
    assert await world.state() == "ok"

    # 6 of 100 are 0.06: not below it
    states = [await a_day(days, paid) for paid in (5, 5, 6, 6, 5, 7)]

    assert states == ["breached", "breached", "ok", "ok", "breached", "ok"]
    breached, recovered = await world.told("kpi.breached"), await world.told("kpi.recovered")
    assert [event.data["value"] for event in breached] == [0.05, 0.05]
    assert [event.data["value"] for event in recovered] == [0.06, 0.07]
    incidents = [event.data["incident_id"] for event in breached]
    assert len(set(incidents)) == 2
    assert [event.data["incident_id"] for event in recovered] == incidents
    assert [event.type for event in await world.told()] == ["kpi.breached", "kpi.recovered"] * 2
    shown = (await world.get("/v1/breaches"))["items"]
    assert [(breach["incident_id"], breach["state"]) for breach in shown] == [
        (incident, "closed") for incident in reversed(incidents)
    ]


@pytest.mark.parametrize(("paid", "state"), [(7, "ok"), (6, "ok"), (5, "breached")])
async def test_half_a_quarter_on_the_way_from_4_to_8_percent_is_on_track_from_6_on(world, days, paid, state):
    """45 of 92 days are 49 % of the time; 5 % is a quarter of the way, and a tenth behind is allowed."""
    await world.kpi(CONVERSION, owner="growth", targets=[QUARTER])
    await happened(days, paid)
    await world.monitor({"type": "off_track", "value": 0.1}, window="P1D")

    seen = await days.seen()
    assert (seen["state"], seen["value"]) == (state, paid / 100)
    assert seen["expected"] == pytest.approx(0.04 + 0.04 * 45 / 92, abs=1e-4)
    kpi = await world.get("/v1/kpis/k")
    assert (kpi["owner"], kpi["target_now"], kpi["state"]) == ("growth", 0.08, state)
    assert len(await world.told("kpi.breached")) == (state == "breached")
