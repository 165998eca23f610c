"""A KPI at a glance: its status."""

from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_common.contracts.feedback import FeedbackRated
from opsloop_common.testing.events import make_event

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
REPORTED = {"type": "reported"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


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
    last = {"from": (world.now - DAY).isoformat(), "to": (world.now + SECOND).isoformat(), "interval": "PT86401S"}
    [point] = (await world.get("/v1/kpis/k/series", **last))["points"]

    assert (status["value"], point["value"]) == (value, value)
    assert [one["state"] for one in status["monitors"]] == list(operators.values())
    assert {one["value"] for one in status["monitors"]} == {value}
    assert {event.data["value"] for event in await world.told("kpi.breached")} == {value}


async def test_how_satisfied_authors_are_is_a_kpi_of_who_answered_first(world):
    """`feedback.rated` has the score and whether it is the first: a changed answer need not count twice."""
    rated = {"type": "events", "event": "feedback.rated"}
    first = {"where": [{"field": "data.is_first", "op": "eq", "value": True}]}
    await world.kpi(rated | first | {"aggregate": "avg", "property": "data.score"}, key="csat")
    satisfied = [{"field": "data.score", "op": "ge", "value": 4}]
    await world.kpi(rated | {"aggregate": "share", "where": satisfied}, key="csat-share")
    await world.monitor({"type": "threshold", "operator": "lt", "value": 4}, key="csat", window="PT1H")
    about = {
        "feedback_id": uuid4(),
        "response_id": uuid4(),
        "number": 1,
        "source": "a",
        "channel": "email",
        "severity": "s3",
    }
    said = {**about, "author": {"user_id": "u1", "verified": True}}
    scores = ((5, None), (4, None), (2, None), (5, 2))

    await world.hear(
        *[
            make_event(
                FeedbackRated(**said, score=score, previous_score=before, is_first=before is None), time=world.now
            )
            for score, before in scores
        ]
    )
    await world.settle(1)

    status = await world.status("csat")
    assert (status["value"], status["state"]) == (pytest.approx(11 / 3), "breached")
    assert (await world.status("csat-share"))["value"] == 3 / 4
