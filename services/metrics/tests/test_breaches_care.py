"""Who looks after an incident, what became of it, and what happened around it."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from opsloop_metrics.breaches import rules
from opsloop_metrics.breaches.rules import Moment, Step

HIGH = {"type": "threshold", "operator": "ge", "value": 10}
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def breach(world):
    """Return where the incident of a KPI is that breached."""
    await world.kpi()
    await world.monitor(HIGH)
    await world.report(11)
    await world.settle(2)
    [incident] = (await world.get("/v1/breaches"))["items"]
    return f"/v1/breaches/{incident['incident_id']}"


async def recover(world):
    await world.report(1)
    await world.settle(2)


async def test_who_acknowledges_first_stays(world, breach):
    assert (await world.get(breach))["acknowledged_at"] is None
    assert (await world.send("GET", f"{breach}/acknowledge")).status_code == 404

    first = await world.send("POST", f"{breach}/acknowledge", json={"note": "看看"})
    assert first.status_code == 200
    world.api.clock.advance(60)
    other = await world.api.key("metrics:read", "metrics:write")
    again = await world.send("POST", f"{breach}/acknowledge", json={}, headers=other)

    assert (again.status_code, again.json()["detail"]) == (
        409,
        f"{first.json()['acknowledged_by']} looks after this incident since before; take that back first (DELETE)",
    )
    for note, status in (("看看", 200), (None, 200), ("my second note", 409)):
        again = await world.send("POST", f"{breach}/acknowledge", json={"note": note})
        assert again.status_code == status
        assert status == 409 or again.json() == first.json()
    shown = await world.get(breach)
    assert (shown["acknowledged_by"], shown["acknowledged_at"]) == (
        first.json()["acknowledged_by"],
        first.json()["acknowledged_at"],
    )
    got = await world.send("GET", f"{breach}/acknowledge")
    assert (got.json(), got.headers["etag"]) == (first.json(), first.headers["etag"])
    [listed] = (await world.get("/v1/breaches"))["items"]
    assert listed == {name: shown[name] for name in listed}


async def test_an_acknowledgement_is_taken_back(world, breach):
    made = await world.send("POST", f"{breach}/acknowledge", json={})
    stale = world.headers | {"If-Match": '"9"'}
    assert (await world.send("DELETE", f"{breach}/acknowledge", headers=stale)).status_code == 412
    named = world.headers | {"If-Match": made.headers["etag"]}
    assert (await world.send("DELETE", f"{breach}/acknowledge", headers=named)).status_code == 204

    assert (await world.get(breach))["acknowledged_by"] is None
    assert (await world.send("DELETE", f"{breach}/acknowledge")).status_code == 404


async def test_what_is_over_needs_nobody(world, breach):
    await recover(world)
    answer = await world.send("POST", f"{breach}/acknowledge", json={})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "this incident is over; nobody needs to look after it",
    )


async def test_who_acknowledged_stays_when_it_is_over(world, breach):
    await world.send("POST", f"{breach}/acknowledge", json={"note": "n"})
    await recover(world)

    again = await world.send("POST", f"{breach}/acknowledge", json={})
    assert (again.status_code, again.json()["note"]) == (200, "n")
    assert (await world.get(breach))["state"] == "closed"


async def test_breaches_are_filtered_by_whether_somebody_looks_after_them(world, breach):
    async def found(acknowledged):
        return len((await world.get("/v1/breaches", acknowledged=acknowledged))["items"])

    assert (await found("true"), await found("false")) == (0, 1)
    await world.send("POST", f"{breach}/acknowledge", json={})
    assert (await found("true"), await found("false")) == (1, 0)


async def test_others_see_and_acknowledge_nothing(world, breach):
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")
    reader = await world.api.key("metrics:read")
    for headers, status in ((theirs, 404), (reader, 403)):
        for method, body in (("POST", {}), ("DELETE", None)):
            answer = await world.send(method, f"{breach}/acknowledge", json=body, headers=headers)
            assert answer.status_code == status, (method, answer.text)
    assert (await world.get(breach))["acknowledged_at"] is None


@pytest.mark.parametrize(
    ("body", "pointer"), [({"note": ""}, "/note"), ({"note": "a" * 2_001}, "/note"), ({"by": "me"}, "/by")]
)
async def test_what_is_malformed_is_named(world, breach, body, pointer):
    answer = await world.send("POST", f"{breach}/acknowledge", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_the_audit_log_says_who_and_not_what(world, breach):
    await world.send("POST", f"{breach}/acknowledge", json={"note": "my private words"})
    await world.send("DELETE", f"{breach}/acknowledge")

    admin = await world.api.key("metrics:admin")
    entries = (await world.send("GET", "/v1/audit", headers=admin)).json()["items"]
    told = [entry["action"] for entry in entries if entry["action"].startswith("acknowledgement.")]
    assert told == ["acknowledgement.deleted", "acknowledgement.created"]
    assert "private" not in str(entries)


async def test_an_incident_tells_what_became_of_it(world):
    await world.kpi()
    await world.monitor(HIGH, **{"for": "PT1M"})
    await world.report(11)
    await world.settle(70)
    [incident] = (await world.get("/v1/breaches"))["items"]
    path = f"/v1/breaches/{incident['incident_id']}"
    made = (await world.send("POST", f"{path}/acknowledge", json={"note": "on it"})).json()
    await world.settle(10)
    await recover(world)

    shown = await world.get(path)

    assert shown["timeline"] == [
        {"at": shown["started_at"], "what": "pending", "by": None, "value": None, "note": None},
        {"at": shown["opened_at"], "what": "opened", "by": None, "value": 11, "note": None},
        {
            "at": made["acknowledged_at"],
            "what": "acknowledged",
            "by": made["acknowledged_by"],
            "value": None,
            "note": "on it",
        },
        {"at": shown["ended_at"], "what": "ended", "by": None, "value": 1, "note": "recovered"},
    ]


async def test_an_incident_tells_what_happened_around_it(world):
    await world.kpi(COUNT)
    await world.monitor(HIGH | {"value": 1}, window="PT1H")
    begun = world.now
    await world.hear(world.received())

    async def note(hours, text):
        await world.post("/v1/annotations", {"at": (begun + hours * HOUR).isoformat(), "text": text})

    for hours, text in ((-1.1, "long before"), (-0.9, "a launch"), (0.5, "上线"), (3, "long after")):
        await note(hours, text)
    await world.settle(2 * 3_600)

    [incident] = (await world.get("/v1/breaches"))["items"]
    shown = await world.get(f"/v1/breaches/{incident['incident_id']}")
    assert shown["state"] == "closed"
    assert [(each["text"], each["source"]) for each in shown["around"]] == [("a launch", "person"), ("上线", "person")]


async def test_of_much_around_the_nearest_are_told(world, breach):
    started_at = datetime.fromisoformat((await world.get(breach))["started_at"])
    for minutes in range(25):
        at = started_at - timedelta(minutes=10 * minutes)
        await world.post("/v1/annotations", {"at": at.isoformat(), "text": f"{minutes}"})

    around = (await world.get(breach))["around"]

    assert [each["text"] for each in around] == [f"{minutes}" for minutes in range(19, -1, -1)]


def test_moments_of_one_instant_stand_in_the_order_of_an_incidents_life():
    steps = [Step(NOW, what) for what in (Moment.ENDED, Moment.ACKNOWLEDGED, Moment.OPENED, Moment.PENDING)]
    assert rules.timeline(*steps, None) == steps[::-1]
    late = Step(NOW + HOUR, Moment.PENDING)
    assert rules.timeline(late, steps[0]) == [steps[0], late]


@pytest.mark.parametrize(("window", "before"), [(2 * HOUR, 2 * HOUR), (None, timedelta(days=1))])
def test_surroundings_begin_one_window_before_and_contain_the_end(window, before):
    start, end = rules.surroundings(NOW, NOW + HOUR, window)
    assert (start, end > NOW + HOUR) == (NOW - before, True)
