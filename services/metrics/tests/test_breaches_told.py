"""What an incident tells and shows, for each kind of condition that can open one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from opsloop_common.db import Context
from opsloop_metrics.breaches import service
from opsloop_metrics.breaches.rules import EndReason, Opening

WORDS = {"en": "412, expected 655 ± 60 for a Tuesday", "zh": "412，星期二预期为655 ± 60"}
COMPARED: dict[str, dict[str, Any]] = {
    "threshold": {"operator": "lt", "threshold": 500.0},
    "change": {"operator": "le", "threshold": -0.2, "expected": 655.0},
    "off_track": {"threshold": 0.1, "expected": 655.0},
    "anomaly": {"expected": 655.0, "low": 595.0, "high": 715.0, "words": WORDS},
    "no_data": {"value": None},
}
NOTHING = dict.fromkeys(("operator", "threshold", "expected", "low", "high", "words"))


def opening(world, type: str) -> Opening:
    plain: Any = Opening(
        monitor_id=uuid4(),
        kpi_id=uuid4(),
        kpi="signups",
        kpi_name="注册",
        type="threshold",
        severity="info",
        unit="人",
        value=412.0,
        last_seen_at=None,
        started_at=world.now,
        **NOTHING,
    )
    return replace(plain, type=type, **COMPARED[type])


async def opened(world, given: Opening) -> str:
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        return str(await service.open_incident(session, given))


@pytest.mark.parametrize("type", COMPARED)
async def test_it_shows_what_its_condition_compared(world, type: str):
    incident_id = await opened(world, opening(world, type))

    shown = await world.get(f"/v1/breaches/{incident_id}")

    assert (shown["type"], shown["kpi"], shown["unit"], shown["state"]) == (type, "signups", "人", "open")
    expected = NOTHING | {"value": 412.0} | COMPARED[type]
    assert {name: shown[name] for name in expected} == expected
    [listed] = (await world.get("/v1/breaches"))["items"]
    assert listed == {name: shown[name] for name in listed}


@pytest.mark.parametrize("type", [name for name in COMPARED if name != "no_data"])
async def test_it_tells_a_threshold_or_what_was_expected(world, type: str):
    """A value is not compared with the number of a change or a pace: who looks for a threshold finds one of its kind, or none."""
    incident_id = await opened(world, opening(world, type))

    [told] = await world.told()

    compared = COMPARED[type]
    assert told.type == "kpi.breached"
    assert (told.data["incident_id"], told.data["condition"], told.data["value"]) == (incident_id, type, 412)
    assert (told.data["expected"], told.data["words"]) == (compared.get("expected"), compared.get("words"))
    is_threshold = type == "threshold"
    assert (told.data["threshold"], told.data["operator"]) == ((500, "lt") if is_threshold else (None, None))


async def test_silence_is_told_as_such(world):
    await opened(world, opening(world, "no_data"))
    assert [event.type for event in await world.told()] == ["kpi.no_data"]


async def test_each_anomaly_of_an_incident_is_told_on_its_monitors_stream(world):
    given = opening(world, "anomaly")
    async with world.api.db.transaction(Context(workspace="acme")) as session:
        incident_id = await service.open_incident(session, given)
        service.tell_anomaly(session, incident_id, given, at=world.now, interval="day")
        service.tell_anomaly(session, incident_id, replace(given, value=398.0), at=world.now, interval="day")
        await session.flush()
        await service.end_of_monitor(session, given.monitor_id, EndReason.RECOVERED, value=650.0)

    told = await world.told()

    assert [(event.type, event.sequence) for event in told] == [
        ("kpi.breached", 1),
        ("kpi.anomaly_detected", 2),
        ("kpi.anomaly_detected", 3),
        ("kpi.recovered", 4),
    ]
    assert {event.partitionkey for event in told} == {f"monitor/{given.monitor_id}"}
    assert [event.data["value"] for event in told] == [412, 412, 398, 650]
    assert {event.data["incident_id"] for event in told} == {str(incident_id)}
    assert (told[1].data["low"], told[1].data["high"], told[1].data["words"]) == (595, 715, WORDS)
