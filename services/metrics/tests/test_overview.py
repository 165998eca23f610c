"""A KPI at a glance: its status and its chart."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.overview import rules

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
REPORTED = {"type": "reported"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


def refusal(length, step):
    with pytest.raises(Invalid) as refused:
        rules.edges(NOW, NOW + length, step)
    [error] = refused.value.errors
    return error


async def test_status_is_the_worst_of_the_monitors(world):
    await world.kpi()
    fine = await world.monitor(HIGH | {"value": 100})
    bad = await world.monitor(HIGH)
    waiting = await world.monitor(HIGH, **{"for": "PT1H"})
    await world.report(11)
    await world.settle(1)

    status = await world.status()

    assert (status["key"], status["value"], status["state"]) == ("k", 11, "breached")
    assert {one["id"]: one["state"] for one in status["monitors"]} == {
        fine["id"]: "ok",
        bad["id"]: "breached",
        waiting["id"]: "pending",
    }
    assert [bool(one["incident_id"]) for one in status["monitors"]] == [False, True, False]
    assert {one["value"] for one in status["monitors"]} == {11}


async def test_who_keeps_quiet_says_so_and_until_when(world):
    await world.kpi()
    quiet, loud = await world.monitor(HIGH), await world.monitor(HIGH)
    mute = {"until": (world.now + DAY).isoformat(), "reason": "迁移"}
    await world.send("PUT", f"/v1/kpis/k/monitors/{quiet['id']}/mute", json=mute)

    async def told():
        names = ("muted_until", "muted_by", "muted_why")
        return {one["id"]: tuple(one[name] for name in names) for one in (await world.status())["monitors"]}

    until = mute["until"].replace("+00:00", "Z")
    assert await told() == {quiet["id"]: (until, "mute", "迁移"), loud["id"]: (None, None, None)}
    listed = (await world.get("/v1/kpis/k/monitors"))["items"]
    assert {one["id"]: one["muted_until"] for one in listed} == {quiet["id"]: until, loud["id"]: None}
    end = (world.now + 2 * DAY).isoformat()
    await world.post("/v1/maintenance-windows", {"name": "n", "starts_at": world.now.isoformat(), "ends_at": end})
    window = (end.replace("+00:00", "Z"), "maintenance_window", "n")
    assert await told() == {quiet["id"]: window, loud["id"]: window}

    world.api.clock.advance(2 * DAY)
    assert set((await told()).values()) == {(None, None, None)}


async def test_a_kpi_without_monitors_still_has_a_value(world):
    await world.kpi(COUNT)
    await world.hear(world.received(), world.received())
    assert await world.status() == {"key": "k", "value": 2, "state": "ok", "monitors": []}


@pytest.mark.parametrize(("period", "value"), [("day", 1), ("week", 3), ("month", 6)])
@pytest.mark.parametrize("watched", [False, True])
async def test_without_a_window_a_kpi_of_events_is_what_the_board_says(world, period, value, watched):
    """At 08:00 of Sunday, 22 November: one today, two yesterday, three two weeks ago, four a year ago."""
    await world.kpi(COUNT, period=period)
    ago = [0, 1, 1, *[14] * 3, *[365] * 4]
    await world.hear(*(world.received(at=world.now - days * DAY) for days in ago))
    if watched:  # an anomaly has no window either
        await world.monitor({"type": "anomaly"})
    await world.recur()

    assert (await world.status())["value"] == (await world.get("/v1/kpis/k"))["value"] == value


async def test_a_kpi_is_shown_over_the_window_of_its_worst_monitor(world):
    await world.kpi(COUNT)
    quiet = await world.monitor(HIGH | {"value": 100}, window="PT1M")
    await world.monitor(HIGH | {"value": 1}, window="PT1H")
    await world.hear(world.received())
    await world.settle(120)

    breached = await world.status()
    assert [one["state"] for one in breached["monitors"]] == ["ok", "breached"]

    await world.send("PATCH", f"/v1/kpis/k/monitors/{breached['monitors'][1]['id']}", json={"enabled": False})
    calm = await world.status()
    await world.send("PATCH", f"/v1/kpis/k/monitors/{quiet['id']}", json={"enabled": False})
    unwatched = await world.status()

    assert [(one["state"], one["value"]) for one in (breached, calm, unwatched)] == [
        ("breached", 1),
        ("ok", 0),
        ("ok", 1),
    ]


@pytest.mark.parametrize("measure", [COUNT, REPORTED])
async def test_a_series_has_a_point_for_every_interval(world, measure):
    await world.kpi(measure, target=3)
    start = world.now
    for seconds in (0, 1, 60, 61, 150):
        at = start + timedelta(seconds=seconds)
        world.api.clock.set(max(at, world.now))
        if measure is COUNT:
            await world.hear_now(world.received(at=at))
        else:
            await world.report(seconds, at)
    asked = {"from": start.isoformat(), "to": (start + timedelta(seconds=210)).isoformat(), "step": "PT1M"}

    series = await world.get("/v1/kpis/k/series", **asked)

    assert [point["samples"] for point in series["points"]] == [2, 2, 1, 0], "each holds its first moment"
    expected = [2, 2, 1, 0] if measure is COUNT else [1, 61, 150, None]
    assert [point["value"] for point in series["points"]] == expected
    assert (series["points"][0]["from"], series["target"]) == (start.isoformat().replace("+00:00", "Z"), 3)
    for bad in ({"step": "PT0.1S"}, {"step": "PT0S"}, {"to": start.isoformat()}, {"step": "x"}):
        assert (await world.send("GET", "/v1/kpis/k/series", params=asked | bad)).status_code == 422


@given(
    st.integers(0, 10**9),
    st.integers(1, 10**6),
    st.integers(1, 10**5),
)
def test_edges_cover_the_time_without_gaps(since, seconds, step):
    start = NOW + timedelta(seconds=since)
    end = start + timedelta(seconds=seconds)
    if seconds > 1_000 * step:
        with pytest.raises(Invalid):
            rules.edges(start, end, timedelta(seconds=step))
        return
    edges = rules.edges(start, end, timedelta(seconds=step))

    assert (edges[0], edges[-1]) == (start, end)
    lengths = [after - before for before, after in pairwise(edges)]
    assert all(timedelta() < length <= timedelta(seconds=step) for length in lengths)


def test_edges_are_cut_off_at_the_end():
    assert rules.edges(NOW, NOW + 5 * SECOND, 2 * SECOND) == [NOW + n * SECOND for n in (0, 2, 4, 5)]
    assert rules.edges(NOW, NOW + 4 * SECOND, 2 * SECOND) == [NOW + n * SECOND for n in (0, 2, 4)]
    assert len(rules.edges(NOW, NOW + 1000 * SECOND, SECOND)) == 1001


@pytest.mark.parametrize(
    ("length", "step", "pointer", "detail"),
    [
        (timedelta(), SECOND, "/query/to", "is not after from"),
        (-SECOND, SECOND, "/query/to", "is not after from"),
        (DAY, SECOND / 2, "/query/step", "is at least one second"),
        (1001 * SECOND, SECOND, "/query/step", "makes 1001 intervals of this time; 1000 fit one answer"),
    ],
)
def test_edges_that_are_none_are_refused(length: timedelta, step: timedelta, pointer: str, detail: str):
    assert refusal(length, step) == FieldError(pointer, detail)


S1 = [{"field": "data.severity", "op": "eq", "value": "s1"}]
SHARE = COUNT | {"aggregate": "share", "where": S1}
REPLIES = {"type": "events", "event": "feedback.received", "property": "data.sentiment"}


@pytest.mark.parametrize(
    ("measure", "sentiments", "value"),
    [
        (SHARE, (0.5, 0, 0), 1 / 3),
        (SHARE, (0.5, *[0] * 6), 1 / 7),
        (REPLIES | {"aggregate": "avg"}, (0, 0, 1), 1 / 3),
        (
            REPLIES | {"aggregate": "sum"},
            (0.1234567890123456, 0.8765432109876544 - 0.5),
            0.1234567890123456 + 0.3765432109876544,
        ),
        (REPLIES | {"aggregate": "median"}, (0.12345678901234566,), 0.12345678901234566),
        (REPLIES | {"aggregate": "avg"}, (-0.9999999999999999,), -0.9999999999999999),
        ({"type": "ratio", "numerator": COUNT | {"where": S1}, "denominator": COUNT}, (0.5, 0, 0), 1 / 3),
    ],
)
async def test_doubles_stay_doubles(world, measure, sentiments, value):
    await world.kpi(measure)
    operators = {"ge": "breached", "le": "breached", "gt": "ok", "lt": "ok"}
    severities = ["s1", *["s4"] * len(sentiments)]
    await world.hear(
        *(
            world.received(sentiment=said, severity=severity)
            for said, severity in zip(sentiments, severities, strict=False)
        )
    )
    for operator in operators:
        await world.monitor({"type": "threshold", "operator": operator, "value": value}, window="PT1H")
    await world.settle(2)

    status = await world.status()
    last = {"from": (world.now - DAY).isoformat(), "to": (world.now + SECOND).isoformat(), "step": "PT86401S"}
    [point] = (await world.get("/v1/kpis/k/series", **last))["points"]

    assert (status["value"], point["value"]) == (value, value)
    assert [one["state"] for one in status["monitors"]] == list(operators.values())
    assert {one["value"] for one in status["monitors"]} == {value}
    assert {event.data["value"] for event in await world.told("kpi.breached")} == {value}
