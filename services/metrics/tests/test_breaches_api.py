"""Incidents as they are listed and read: whole, in pages, and as the monitor and KPI were when they opened."""

import asyncio

import pytest

HIGH = {"type": "threshold", "operator": "ge", "value": 10}
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}


async def breached(world, key="k", value=11, **fields):
    """Have a KPI breach; returns where its incident is."""
    await world.kpi(key=key, **fields)
    await world.monitor(HIGH, key=key)
    await world.report(value, key=key)
    await world.settle(2)
    newest = (await world.get("/v1/breaches"))["items"][0]
    assert newest["kpi"] == key
    return f"/v1/breaches/{newest['incident_id']}"


async def test_an_incident_says_all_that_was_known_when_it_opened(world):
    path = await breached(world, unit="%")

    shown = await world.get(path)

    assert {name: shown[name] for name in shown if not name.endswith(("_at", "_id"))} == {
        "kpi": "k", "type": "threshold", "state": "open", "severity": "warning", "operator": "ge", "threshold": 10,
        "unit": "%", "value": 11, "end_reason": None, "end_value": None, "acknowledged_by": None, "around": [],
        "explanation": None, "expected": None, "low": None, "high": None, "words": None,
        "timeline": [
            {"at": shown["started_at"], "what": "pending", "by": None, "value": None, "note": None},
            {"at": shown["opened_at"], "what": "opened", "by": None, "value": 11, "note": None},
        ],
    }  # fmt: skip


async def test_a_list_has_all_but_what_takes_a_look_of_its_own(world):
    path = await breached(world)

    [listed] = (await world.get("/v1/breaches"))["items"]

    shown = await world.get(path)
    assert shown.keys() - listed.keys() == {"timeline", "around", "explanation"}
    assert listed == {name: shown[name] for name in listed}


async def test_they_are_paged_the_newest_first(world):
    for key in "abcde":
        await breached(world, key)

    seen, query = [], {"limit": 2}
    while True:
        page = await world.get("/v1/breaches", **query)
        seen += [each["kpi"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert seen == list("edcba")


@pytest.mark.parametrize(
    ("change", "reason"), [("delete monitor", "deleted"), ("disable", "disabled"), ("change", "changed")]
)
async def test_an_incident_says_why_it_ended(world, change, reason):
    path = await breached(world)
    taken = await world.send("POST", f"{path}/acknowledge")  # without a body: there is nothing that must be said
    assert taken.status_code == 200
    monitor = f"/v1/kpis/k/monitors/{(await world.get(path))['monitor_id']}"
    match change:
        case "delete monitor":
            await world.send("DELETE", monitor)
        case "disable":
            await world.send("PATCH", monitor, json={"enabled": False})
        case "change":
            await world.send("PATCH", monitor, json={"min_count": 2})

    shown = await world.get(path)

    assert (shown["state"], shown["end_reason"], shown["end_value"]) == ("closed", reason, None)
    assert [step["what"] for step in shown["timeline"]] == ["pending", "opened", "acknowledged", "ended"]
    assert shown["timeline"][-1]["note"] == reason


async def test_an_incident_outlives_its_kpi_with_who_looked_after_it(world):
    path = await breached(world)
    made = (await world.send("POST", f"{path}/acknowledge", json={"note": "n"})).json()
    assert (await world.send("DELETE", "/v1/kpis/k")).status_code == 204

    assert (await world.get(path))["acknowledged_by"] == made["acknowledged_by"]
    assert (await world.send("GET", f"{path}/acknowledge")).json() == made


async def test_of_many_who_acknowledge_at_once_one_does(world):
    path = await breached(world)
    keys = [await world.api.key("metrics:write", "metrics:read") for _ in range(6)]

    answers = await asyncio.gather(
        *(world.send("POST", f"{path}/acknowledge", json={}, headers=headers) for headers in keys)
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    [first] = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await world.send("GET", f"{path}/acknowledge")).json() == first


async def test_a_kpi_that_is_gone_is_not_explained(world):
    await world.kpi(COUNT)
    await world.monitor(HIGH | {"value": 1}, window="PT1H")
    await world.hear_now(world.received())
    clock = world.api.clock
    clock.advance(0.3)
    # the job is there and its KPI is not: nothing fails, and nothing is kept
    await world.tick()
    assert (await world.send("DELETE", "/v1/kpis/k")).status_code == 204
    await world.settle(5)

    for incident in (await world.get("/v1/breaches"))["items"]:
        assert (await world.get(f"/v1/breaches/{incident['incident_id']}"))["state"] == "closed"
