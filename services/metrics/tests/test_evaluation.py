"""Monitors at work: breach and recovery, and time passing without any event."""

from datetime import timedelta

SHARE = {
    "type": "events",
    "event": "feedback.received",
    "aggregate": "share",
    "where": [{"field": "data.severity", "op": "in", "value": ["s1", "s2"]}],
}
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
MINUTE = timedelta(minutes=1)


def at_least(value, operator="ge"):
    return {"type": "threshold", "operator": operator, "value": value}


async def test_a_share_breaches_once_and_recovers_when_the_window_moves_on(world):
    await world.kpi(SHARE, unit="ratio")
    monitor = await world.monitor(at_least(0.5), window="PT1M", min_count=5, severity="critical")
    assert monitor["state"] == "ok"

    begun = world.now
    storm = [world.received("s1") for _ in range(40)]
    for event in storm:
        await world.hear(event)
    await world.settle(10)
    await world.hear(*[world.received("s4") for _ in range(6)])

    breached = await world.told("kpi.breached")
    assert [event.data["value"] for event in breached] == [1.0]
    status = await world.status()
    assert (status["state"], status["monitors"][0]["incident_id"]) == ("breached", breached[0].data["incident_id"])
    assert breached[0].data == {
        "monitor_id": monitor["id"],
        "kpi": "k",
        "incident_id": status["monitors"][0]["incident_id"],
        "value": 1.0,
        "threshold": 0.5,
        "operator": "ge",
        "expected": None,
        "unit": "ratio",
        "severity": "critical",
        "started_at": breached[0].data["started_at"],
    }
    assert breached[0].causationid in {str(event.id) for event in storm}
    assert breached[0].causationdepth == 1

    await world.settle(60 - (world.now - begun).total_seconds() + 25)

    assert await world.state() == "ok"
    recovered = await world.told("kpi.recovered")
    assert [event.data["incident_id"] for event in recovered] == [breached[0].data["incident_id"]]
    assert recovered[0].data["value"] < 0.5
    (breach,) = (await world.get("/v1/breaches"))["items"]
    assert (breach["state"], breach["end_reason"]) == ("closed", "recovered")
