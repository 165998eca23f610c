"""Anomalies over HTTP: what is told, once, in words; a shift is learnt; each day or hour is judged once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from opsloop_common.db import Context
from opsloop_metrics.kpi_periods import service as periods
from opsloop_metrics.kpi_periods.rules import Measured
from services.metrics.tests.days import COUNT, DAY, HOUR, MINUTE, Days, usual

ANOMALY = {"type": "anomaly"}


@pytest.fixture
def days(world) -> Days:
    world.api.clock.set(world.now.replace(day=24))  # a Tuesday, 08:00
    return Days(world)


async def test_an_anomaly_is_told_with_what_was_expected_and_ends_with_the_next_day_that_is_none(world, days):
    """412 on a Tuesday that is usually about 660."""
    await world.kpi(name="Sign-ups", unit="people")
    await days.kept(70)
    monitor = await world.monitor(ANOMALY, severity="critical")
    assert await world.state() == "ok"
    judged = await days.seen()
    assert (judged["type"], judged["value"]) == ("anomaly", usual(days.today - DAY))
    assert judged["low"] < judged["expected"] < judged["high"]
    tuesday = days.today

    assert await days.over(412) == "breached"

    seen = await days.seen()
    [breached] = await world.told("kpi.breached")
    [detected] = await world.told("kpi.anomaly_detected")
    assert (breached.sequence, detected.sequence) == (1, 2)
    assert 640 < seen["expected"] < 680
    assert seen["words"] == {"en": "412, expected 654 ± 79 for a Tuesday", "zh": "412，星期二预期为654 ± 79"}
    shared = {
        "monitor_id": monitor["id"],
        "kpi": "k",
        "kpi_name": "Sign-ups",
        "unit": "people",
        "incident_id": seen["incident_id"],
        "value": 412,
        "expected": seen["expected"],
        "words": seen["words"],
        "severity": "critical",
    }
    at = tuesday.isoformat().replace("+00:00", "Z")
    assert detected.data == shared | {"at": at, "interval": "day", "low": seen["low"], "high": seen["high"]}
    midnight = (tuesday + DAY).isoformat().replace("+00:00", "Z")
    none = {"threshold": None, "operator": None}
    assert breached.data == shared | none | {"condition": "anomaly", "started_at": midnight}
    [breach] = (await world.get("/v1/breaches"))["items"]
    assert {name: breach[name] for name in ("type", "value", "expected", "low", "high", "words")} == {
        name: seen[name] for name in ("type", "value", "expected", "low", "high", "words")
    }

    assert await days.over(usual(days.today)) == "ok"
    [recovered] = await world.told("kpi.recovered")
    assert recovered.data["incident_id"] == seen["incident_id"]
    shown = await world.get(f"/v1/breaches/{seen['incident_id']}")
    assert {name: shown[name] for name in breach} == breach | {
        "state": "closed",
        "ended_at": recovered.data["ended_at"],
        "end_reason": "recovered",
        "end_value": recovered.data["value"],
    }


async def test_what_was_noted_then_stands_in_the_words(world, days):
    """A campaign of the evening before, a release of the day; what was three days ago, and what is quoted of well days, is not."""
    await world.kpi()
    await days.kept(70)
    await world.monitor(ANOMALY)
    for at, said in ((-3 * DAY, "旧事"), (-2 * HOUR, "支付修复活动"), (9 * HOUR, "Release 4.2")):
        await world.post("/v1/annotations", {"at": (days.today + at).isoformat(), "text": said})

    assert await days.over(412) == "breached"

    words = {
        "en": "412, expected 654 ± 79 for a Tuesday; noted then: “支付修复活动”, “Release 4.2”",
        "zh": "412，星期二预期为654 ± 79；同期记录：“支付修复活动”、“Release 4.2”",
    }
    assert (await days.seen())["words"] == words
    assert [event.data["words"] for event in await world.told("kpi.breached", "kpi.anomaly_detected")] == [words] * 2
    assert (await world.get("/v1/breaches"))["items"][0]["words"] == words
    assert await days.over(usual(days.today)) == "ok"
    assert "noted" not in (await days.seen())["words"]["en"]


async def test_a_shift_that_lasts_alarms_once_and_is_learnt_within_14_days(world, days):
    """+20 % from a launch on."""
    await world.kpi()
    await days.kept(84)
    await world.monitor(ANOMALY)
    states = [await days.over(round(1.2 * usual(days.today))) for _ in range(35)]

    assert states[0] == "breached"
    learnt = states.index("ok")
    assert 1 < learnt <= 14
    assert states == ["breached"] * learnt + ["ok"] * (35 - learnt)
    assert len(await world.told("kpi.breached")) == len(await world.told("kpi.recovered")) == 1
    detected = await world.told("kpi.anomaly_detected")
    assert len(detected) == learnt
    assert len({event.data["at"] for event in detected}) == learnt


async def test_after_an_alarm_the_rest_of_a_week_is_quiet(world, days):
    """Out, well, out again on the third day: that belongs to the first."""
    await world.kpi()
    await days.kept(84)
    await world.monitor(ANOMALY)
    factors = [0.5, 1, 0.5, 1, 1, 1, 1, 1, 1, 1, 0.5]

    states = [await days.over(round(factor * usual(days.today))) for factor in factors]

    assert states == ["breached", *["ok"] * 9, "breached"]
    assert len(await world.told("kpi.breached")) == 2


async def test_for_counts_days_and_a_correction_comes_too_late(world, days):
    await world.kpi()
    await days.kept(84)
    monitor = await world.monitor(ANOMALY, **{"for": "P1D"})
    assert await days.over(100) == "pending"
    assert await world.told() == []
    await world.report(usual(days.today - DAY), days.today - 12 * HOUR)
    await world.tick(5 * MINUTE)
    assert (await days.seen())["value"] == 100, "a day is judged once"

    assert await days.over(110) == "breached"
    [breached] = await world.told("kpi.breached")
    assert breached.data["value"] == 110
    looks = (await world.get(f"/v1/kpis/k/monitors/{monitor['id']}/evaluations"))["items"]
    assert [look["value"] for look in looks] == [110, 100, usual(days.today - 3 * DAY)]


async def test_with_little_history_nothing_is_expected_and_the_state_stays(world, days):
    await world.kpi()
    await days.kept(20)
    await world.monitor(ANOMALY)

    assert await days.over(1) == "ok"

    seen = await days.seen()
    assert (seen["value"], seen["expected"], seen["low"], seen["high"], seen["words"]) == (1, None, None, None, None)


async def test_without_a_value_nothing_is_judged_until_one_comes_late(world, days):
    await world.kpi()
    await days.kept(84)
    await world.monitor(ANOMALY)
    assert await days.over(None) == "ok"
    assert await days.over(None) == "ok"
    missing = days.today - 2 * DAY

    await world.report(9, missing + 12 * HOUR)
    await world.tick(1)

    assert await world.state() == "breached"
    [detected] = await world.told("kpi.anomaly_detected")
    assert detected.data["at"] == missing.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("options", "factor", "state"),
    [
        ({"direction": "up"}, 0.5, "ok"),
        ({"direction": "down"}, 0.5, "breached"),
        ({"min_relative": 0.6}, 0.5, "ok"),
        ({"min_absolute": 1000}, 0.5, "ok"),
        ({"excluded": ["2026-11-24"]}, 0.5, "ok"),
        ({"excluded": ["2026-11-25"]}, 0.5, "breached"),
        ({"sensitivity": "low"}, 0.88, "ok"),
        ({"sensitivity": "high"}, 0.88, "breached"),
    ],
)
async def test_what_is_said_of_anomalies_is_kept_and_goes_into_the_judgement(world, days, options, factor, state):
    await world.kpi()
    await days.kept(84)
    made = await world.monitor(ANOMALY | options)

    whole = {
        "type": "anomaly",
        "interval": "day",
        "direction": "both",
        "sensitivity": "medium",
        "min_absolute": 0,
        "min_relative": 0,
        "excluded": [],
    }
    assert made["condition"] == whole | options
    assert made["window"] is None
    assert await days.over(round(factor * usual(days.today))) == state


async def test_events_are_counted_by_day_and_a_day_without_any_is_a_fact(world, days):
    await world.kpi(COUNT)
    first = days.today - 60 * DAY
    await days.stored(
        world.received(at=first + place * DAY + (number + 1) * MINUTE)
        for place in range(60)
        for number in range(20 + place % 3)
    )
    await world.monitor(ANOMALY)
    seen = await days.seen()
    assert (seen["state"], seen["value"]) == ("ok", 22)
    waiting = await world.evaluations_waiting()

    await world.hear_now(*(world.received() for _ in range(3)))
    assert (await world.evaluations_waiting(), await days.seen()) == (waiting, seen), "the running day is not judged"
    assert await days.over(None) == "breached"

    assert (await days.seen())["value"] == 3
    assert await days.over(None) == "breached"
    assert [event.data["value"] for event in await world.told("kpi.anomaly_detected")] == [3, 0]


async def test_hours_are_judged_by_the_hours_before(world, days):
    await world.kpi(COUNT)
    start = world.now - 8 * DAY
    await days.stored(
        world.received(at=start + place * HOUR + (number + 1) * MINUTE)
        for place in range(8 * 24)
        for number in range(10 + place % 2)
    )
    await world.monitor({"type": "anomaly", "interval": "hour", "direction": "down"})
    assert (await days.seen())["state"] == "ok"

    world.api.clock.set(world.now + HOUR + timedelta(seconds=59))
    await world.tick()
    assert await world.state() == "ok", "what happened last may be on its way"
    await world.tick(1)

    seen = await days.seen()
    assert (seen["state"], seen["value"]) == ("breached", 0)
    assert seen["words"]["en"].endswith("for 8:00") or seen["words"]["en"].endswith("for 08:00")
    [detected] = await world.told("kpi.anomaly_detected")
    assert (detected.data["interval"], detected.data["value"]) == ("hour", 0)


async def test_what_a_formula_came_to_counts_once_its_day_is_settled(world, days):
    await world.kpi(key="a")
    kpi = await world.kpi({"type": "formula", "formula": "a * 1", "of": {"a": "a"}})
    await world.monitor(ANOMALY)
    today = days.today

    async def kept(place: int, value: float, as_of: timedelta = DAY) -> None:
        start = today + place * DAY
        async with world.api.db.transaction(Context(workspace="acme")) as session:
            await periods.put(session, kpi["id"], [Measured(start, start + DAY, start + as_of, value)])

    for place in range(-70, 0):
        await kept(place, usual(today + place * DAY) / 1000)
    await kept(0, 0.01, 23 * HOUR)
    world.api.clock.set(today + DAY + 2 * MINUTE)
    await world.tick()
    assert (await days.seen())["value"] == usual(today - DAY) / 1000

    await kept(0, 0.02)
    await world.tick(5 * MINUTE)

    assert await world.state() == "breached"
    assert (await days.seen())["value"] == 0.02


async def test_an_anomaly_says_nothing_of_the_target(world, days):
    await world.kpi(target=1000)
    await days.kept(10)
    await world.monitor(ANOMALY)
    assert await days.over(999) == "ok"
    assert await world.told() == []
