"""Monitors through the door: what is refused, and what becomes of an open incident when something changes."""

import pytest

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}


def pointers(answer):
    return [error["pointer"] for error in answer.json().get("errors", [])]


SENSELESS = [
    ({"condition": {"type": "change", "operator": "gt", "value": 1}}, "/window"),
    ({"condition": {"type": "change", "value": 1}, "window": "PT1H"}, "/condition/operator"),
    ({"condition": {"type": "anomaly"}, "window": "PT1H"}, "/window"),
    ({"condition": {"type": "anomaly", "interval": "week"}}, "/condition/interval"),
    ({"condition": {"type": "anomaly", "direction": "sideways"}}, "/condition/direction"),
    ({"condition": {"type": "anomaly", "sensitivity": 5}}, "/condition/sensitivity"),
    ({"condition": {"type": "anomaly", "min_absolute": -1}}, "/condition/min_absolute"),
    ({"condition": {"type": "anomaly", "min_relative": 1e101}}, "/condition/min_relative"),
    ({"condition": {"type": "anomaly", "excluded": ["2026-02-30"]}}, "/condition/excluded/0"),
    ({"condition": {"type": "anomaly", "excluded": ["2026-12-25"] * 101}}, "/condition/excluded"),
    ({"condition": {"type": "off_track", "value": 1}, "window": "PT1H"}, "/condition/value"),
    ({"condition": {"type": "trend"}, "window": "PT1H"}, "/condition/type"),
    ({"condition": HIGH | {"interval": "day"}, "window": "PT1H"}, "/condition/interval"),
    ({"condition": {"type": "threshold", "value": 1}}, "/condition/operator"),
    ({"condition": {"type": "threshold", "operator": "lt"}}, "/condition/value"),
    ({"condition": {"type": "no_data", "value": 1}}, "/condition/value"),
    ({"condition": {"type": "no_data"}, "window": "day"}, "/window"),
    ({"window": "quarter"}, "/window"),
    ({"window": ["day"]}, "/window"),
    ({"window": 5}, "/window"),
    ({"condition": {"type": "change", "operator": "gt", "value": 1}, "window": "P201D"}, "/window"),
    ({"window": "PT0S"}, "/window"),
    ({"window": "P367D"}, "/window"),
    ({}, "/window"),
    ({"window": "PT1H", "for": "P400D"}, "/for"),
    ({"window": "PT1H", "min_count": 0}, "/min_count"),
    ({"window": "PT1H", "severity": "fatal"}, "/severity"),
]


async def test_a_monitor_that_makes_no_sense_is_refused(world, subtests):
    await world.kpi(COUNT)
    for body, pointer in SENSELESS:
        with subtests.test(body=body):
            answer = await world.send("POST", "/v1/kpis/k/monitors", json={"condition": HIGH} | body)
            assert answer.status_code == 422, answer.text
            assert pointers(answer) == [pointer]


async def test_silence_of_a_reporter_needs_a_window(world):
    await world.kpi()
    answer = await world.send("POST", "/v1/kpis/k/monitors", json={"condition": {"type": "no_data"}})
    assert (answer.status_code, pointers(answer)) == (422, ["/window"])


async def test_a_monitor_is_made_read_listed_changed_and_deleted(world):
    await world.kpi()
    made = await world.send(
        "POST", "/v1/kpis/k/monitors", json={"condition": HIGH, "window": "PT1H", "for": "PT5M", "severity": "info"}
    )
    monitor = made.json()
    assert (made.status_code, monitor["state"], monitor["window"], monitor["for"]) == (201, "ok", "PT1H", "PT5M")
    path = f"/v1/kpis/k/monitors/{monitor['id']}"
    assert made.headers["location"] == f"monitors/{monitor['id']}"
    assert (await world.get(path))["condition"] == HIGH
    assert [item["id"] for item in (await world.get("/v1/kpis/k/monitors"))["items"]] == [monitor["id"]]

    changed = await world.send("PATCH", path, json={"for": None, "severity": "critical"})
    assert (changed.json()["for"], changed.json()["severity"], changed.json()["window"]) == ("PT0S", "critical", "PT1H")
    stale = {"If-Match": made.headers["etag"]} | world.headers
    assert (await world.send("DELETE", path, headers=stale)).status_code == 412
    assert (await world.send("DELETE", path)).status_code == 204
    assert (await world.send("GET", path)).status_code == 404
    assert await world.evaluations_waiting() == 0


async def breached(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await world.report(11)
    await world.settle(2)
    assert await world.state() == "breached"
    return f"/v1/kpis/k/monitors/{monitor['id']}"


@pytest.mark.parametrize(
    ("change", "reason", "states"),
    [
        ({"enabled": False}, "disabled", ["ok", "ok"]),
        ({"condition": HIGH | {"value": 20}}, "changed", ["ok", "ok"]),
        ({"condition": HIGH | {"value": 5}}, "changed", ["ok", "breached"]),
        ({"severity": "critical"}, None, ["breached", "breached"]),
        ({"keep_firing_for": "PT1H"}, None, ["breached", "breached"]),
    ],
)
async def test_an_open_incident_ends_when_its_monitor_means_something_else(world, change, reason, states):
    path = await breached(world)

    after = (await world.send("PATCH", path, json=change)).json()
    seen = [after["state"]]
    await world.settle(2)
    seen.append(await world.state())

    assert seen == states
    assert [event.data["reason"] for event in await world.told("kpi.recovered")] == ([reason] if reason else [])
    assert [breach["end_reason"] for breach in (await world.get("/v1/breaches"))["items"]][-1] == reason
    assert len(await world.told("kpi.breached")) == (2 if states[1] == "breached" and reason else 1)


async def test_a_monitor_switched_on_again_looks_at_once(world):
    path = await breached(world)
    await world.send("PATCH", path, json={"enabled": False})
    await world.report(50)
    await world.settle(5)
    assert (await world.state(), await world.evaluations_waiting()) == ("ok", 0)
    await world.send("PATCH", path, json={"enabled": True})
    await world.settle(1)
    assert await world.state() == "breached"


async def test_deleting_ends_what_is_open_and_keeps_the_breach(world):
    path = await breached(world)
    (open_breach,) = (await world.get("/v1/breaches", state="open"))["items"]

    assert (await world.send("DELETE", path)).status_code == 204

    closed = await world.get(f"/v1/breaches/{open_breach['incident_id']}")
    assert (closed["state"], closed["end_reason"], closed["kpi"]) == ("closed", "deleted", "k")
    assert len(await world.told("kpi.recovered")) == 1
    await world.settle(10)


async def test_deleting_a_kpi_takes_everything_but_its_breaches(world):
    await breached(world)
    assert (await world.send("DELETE", "/v1/kpis/k")).status_code == 204
    (breach,) = (await world.get("/v1/breaches"))["items"]
    assert breach["end_reason"] == "deleted"
    await world.settle(10)
    await world.kpi()
    assert (await world.status()) == {"key": "k", "value": None, "state": "ok", "monitors": []}


async def test_another_measure_starts_the_monitors_anew(world):
    await world.kpi()
    await world.monitor(HIGH, window="PT1H")
    await world.report(11)
    await world.settle(1)
    answer = await world.send("PATCH", "/v1/kpis/k", json={"measure": COUNT})
    assert answer.status_code == 200
    assert [event.data["reason"] for event in await world.told("kpi.recovered")] == ["changed"]
    await world.hear(*[world.received() for _ in range(10)])
    assert (await world.status())["value"] == 10
    assert await world.state() == "breached"


async def test_measuring_events_waits_until_every_monitor_has_a_window(world):
    await world.kpi()
    await world.monitor(HIGH)
    assert (await world.send("PATCH", "/v1/kpis/k", json={"measure": COUNT})).status_code == 409
