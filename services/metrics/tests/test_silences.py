"""Monitors that keep quiet: mutes and maintenance windows through the door, with all that monitors do meanwhile."""

import asyncio
from datetime import timedelta

import pytest

COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
HIGH = {"type": "threshold", "operator": "ge", "value": 10}
SILENCE = {"type": "no_data"}
WINDOWS = "/v1/maintenance-windows"
HOUR = timedelta(hours=1)
HOURS = 3_600


def mute_of(monitor, key="k"):
    return f"/v1/kpis/{key}/monitors/{monitor['id']}/mute"


async def mute(world, monitor, expect=201, **fields):
    answer = await world.send("PUT", mute_of(monitor), json={"until": (world.now + HOUR).isoformat()} | fields)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def maintain(world, hours=1, after=0, **fields):
    starts_at = world.now + after * HOUR
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + hours * HOUR).isoformat()}
    return await world.post(WINDOWS, {"name": "Migration"} | times | fields)


async def shown(world, monitor, key="k"):
    return await world.get(f"/v1/kpis/{key}/monitors/{monitor['id']}")


async def seen(world, monitor):
    """Return the states of a monitor's history, the newest first."""
    page = await world.get(f"/v1/kpis/k/monitors/{monitor['id']}/evaluations", limit=200)
    return [each["state"] for each in page["items"]]


async def test_two_hours_without_events(world):
    """Acceptance: silence is told as silence, not as 0, and ends by itself; what was never seen is awaited; maintenance keeps
    quiet, is looked at all the same, and a breach that lasts beyond it is told once.
    """
    for key, type in (("k", "feedback.received"), ("never", "feedback.resolved")):
        await world.kpi(COUNT | {"event": type}, key=key)
    waiting = await world.monitor(SILENCE, key="never", window="PT30M")
    monitor = await world.monitor(SILENCE, window="PT30M")
    await world.hear(world.received())

    await world.settle(2 * HOURS)
    [silent] = await world.told("kpi.no_data")
    assert (await world.state(), await world.told("kpi.breached")) == ("no_data", [])
    assert "value" not in silent.data  # nothing is not 0

    await world.hear(world.received())
    [recovered] = await world.told("kpi.recovered")
    assert (await world.state(), recovered.data["incident_id"]) == ("ok", silent.data["incident_id"])

    # maintenance of two hours, in which the source is silent again
    await maintain(world, hours=2)
    await world.settle(1.5 * HOURS)
    assert (await world.state(), len(await world.told("kpi.no_data"))) == ("pending", 1)
    quiet = await shown(world, monitor)
    assert (quiet["muted_by"], quiet["muted_why"]) == ("maintenance_window", "Migration")
    history = await seen(world, monitor)
    assert history[0] == "pending", "what is muted is looked at all the same"
    assert history.count("pending") > 5

    await world.settle(0.5 * HOURS + 1)
    told = await world.told("kpi.no_data")
    assert (await world.state(), len(told)) == ("no_data", 2)
    assert told[1].data["started_at"] < quiet["muted_until"], "it began while nobody was told"
    await world.settle(2 * HOURS)
    assert len(await world.told("kpi.no_data")) == 2

    assert (await world.state("never"), (await shown(world, waiting, "never"))["incident_id"]) == ("ok", None)


async def test_a_muted_monitor_opens_nothing_and_tells_at_the_end_what_lasts(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    made = await mute(world, monitor, reason="we know")
    await world.report(11)
    await world.settle(HOURS - 2)

    quiet = await shown(world, monitor)
    assert (quiet["state"], quiet["value"], quiet["muted_until"]) == ("pending", 11, made["until"])
    assert (quiet["muted_by"], quiet["muted_why"]) == ("mute", "we know")
    assert await world.told("kpi.breached") == []

    await world.settle(3)
    [breach] = await world.told("kpi.breached")
    assert breach.time.isoformat() >= made["until"].replace("Z", "+00:00")
    told = await shown(world, monitor)
    assert (told["state"], told["muted_until"], told["muted_by"], told["muted_why"]) == ("breached", None, None, None)


async def test_what_recovers_while_it_is_muted_was_never_told(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await mute(world, monitor)
    await world.report(11)
    await world.settle(60)
    await world.report(1)
    await world.settle(2 * HOURS)

    assert (await world.state(), await world.told()) == ("ok", [])
    assert "pending" in await seen(world, monitor)


async def test_what_was_open_before_recovers_as_ever(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await world.report(11)
    await world.settle(2)
    await mute(world, monitor)
    await world.settle(60)
    assert await world.state() == "breached"
    await world.report(1)
    await world.settle(2)

    assert [event.type for event in await world.told()] == ["kpi.breached", "kpi.recovered"]


async def test_whoever_unmutes_hears_at_once(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await mute(world, monitor)
    await world.report(11)
    await world.settle(10)
    assert await world.told() == []

    assert (await world.send("DELETE", mute_of(monitor))).status_code == 204
    await world.settle(1)

    assert len(await world.told("kpi.breached")) == 1
    assert (await world.send("GET", mute_of(monitor))).status_code == 404


@pytest.mark.parametrize("end", ["delete", "shorten", "other"])
async def test_whoever_ends_a_window_hears_at_once(world, end):
    await world.kpi()
    await world.kpi(key="other")
    await world.monitor(HIGH)
    window = await maintain(world, kpis=["k"])
    await world.report(11)
    await world.settle(10)
    assert await world.told() == []

    change = {"shorten": {"ends_at": world.now.isoformat()}, "other": {"kpis": ["other"]}}.get(end)
    method = "PATCH" if change else "DELETE"
    answer = await world.send(method, f"{WINDOWS}/{window['id']}", json=change)
    assert answer.status_code in (200, 204), answer.text
    await world.settle(1)

    assert len(await world.told("kpi.breached")) == 1


@pytest.mark.parametrize(
    ("of", "quiet"),
    [
        ({}, ["a", "b", "c"]),
        ({"kpis": ["a"]}, ["a"]),
        ({"tags": ["payments"]}, ["a", "b"]),
        ({"kpis": ["c"], "tags": ["payments"]}, ["a", "b", "c"]),
        ({"tags": ["Payments"]}, []),
    ],
)
async def test_a_window_means_kpis_by_key_or_tag_or_all(world, of, quiet):
    for key, tags in (("a", ["payments", "eu"]), ("b", ["payments"]), ("c", [])):
        await world.kpi(key=key, tags=tags)
    await maintain(world, **of)
    for key in "abc":
        await world.monitor(HIGH, key=key)
        await world.report(11, key=key)
    await world.settle(2)

    assert [key for key in "abc" if await world.state(key) == "pending"] == quiet
    assert sorted(event.data["kpi"] for event in await world.told("kpi.breached")) == sorted(set("abc") - set(quiet))


async def test_windows_that_meet_are_one_silence(world):
    await world.kpi()
    await world.monitor(HIGH)
    await maintain(world, hours=1)
    await maintain(world, hours=1, after=1, name="The rest of it")
    await world.report(11)
    await world.settle(1.5 * HOURS)
    assert await world.told() == []

    await world.settle(0.5 * HOURS + 1)

    assert len(await world.told("kpi.breached")) == 1


async def test_the_longest_of_several_silences_is_shown(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await mute(world, monitor, reason="short")
    window = await maintain(world, hours=2)

    items = (await world.get("/v1/kpis/k/monitors"))["items"]
    assert [(each["muted_until"], each["muted_why"]) for each in items] == [(window["ends_at"], "Migration")]


async def test_a_mute_is_shown_changed_and_taken_back(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    path = mute_of(monitor)
    first = await world.send("PUT", path, json={"until": (world.now + HOUR).isoformat(), "reason": "迁移"})
    assert (first.status_code, first.json()["reason"]) == (201, "迁移")
    assert first.json()["muted_by"].startswith("key:")
    got = await world.send("GET", path)
    assert (got.json(), got.headers["etag"]) == (first.json(), first.headers["etag"])

    later = {"until": (world.now + 2 * HOUR).isoformat()}
    changed = await world.send("PUT", path, json=later, headers=world.headers | {"If-Match": got.headers["etag"]})
    assert (changed.status_code, changed.json()["reason"]) == (200, None)
    stale = await world.send("PUT", path, json=later, headers=world.headers | {"If-Match": got.headers["etag"]})
    assert stale.status_code == 412
    same = await world.send("PUT", path, json=later)
    assert (same.status_code, same.headers["etag"]) == (200, changed.headers["etag"])


async def test_a_mute_goes_with_its_monitor(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    await mute(world, monitor)
    assert (await world.send("DELETE", f"/v1/kpis/k/monitors/{monitor['id']}")).status_code == 204
    answer = await world.send("GET", mute_of(monitor))
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no monitor with this id.")


@pytest.mark.parametrize("ahead", [timedelta(), -HOUR, timedelta(days=30, seconds=1)])
async def test_a_mute_ends_within_thirty_days(world, ahead):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    refused = await mute(world, monitor, expect=422, until=(world.now + ahead).isoformat())
    assert [error["pointer"] for error in refused["errors"]] == ["/until"]


async def test_windows_are_listed_by_where_they_lie(world):
    made = [
        await maintain(world, after=-3, name="past"),
        await maintain(world, name="active"),
        await maintain(world, after=5, name="upcoming"),
    ]

    async def names(**query):
        return [each["name"] for each in (await world.get(WINDOWS, **query))["items"]]

    assert [each["state"] for each in made] == ["past", "active", "upcoming"]
    assert await names() == ["upcoming", "active", "past"]
    assert [await names(state=state) for state in ("past", "active", "upcoming")] == [
        ["past"],
        ["active"],
        ["upcoming"],
    ]
    assert await names(state=["past", "active"]) == ["active", "past"]
    page = await world.get(WINDOWS, limit=2)
    rest = await world.get(WINDOWS, limit=2, cursor=page["next_cursor"])
    assert [each["name"] for each in page["items"] + rest["items"]] == ["upcoming", "active", "past"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"ends_at": "2026-03-01T00:00:00Z"}, "/ends_at"),
        ({"ends_at": "2026-04-02T00:00:01Z"}, "/ends_at"),
        ({"starts_at": "soon"}, "/starts_at"),
        ({"kpis": ["k", "no_such_kpi"]}, "/kpis/1"),
        ({"tags": ["t"] * 21}, "/tags"),
        ({"recurs": "FREQ=WEEKLY"}, "/recurs"),
    ],
)
async def test_what_is_malformed_is_named(world, fields, pointer):
    await world.kpi()
    body = {"name": "n", "starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-03-02T00:00:00Z"} | fields
    answer = await world.send("POST", WINDOWS, json=body)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])
    assert (await world.get(WINDOWS))["items"] == []


async def test_a_change_may_not_turn_a_window_round(world):
    window = await maintain(world)
    path = f"{WINDOWS}/{window['id']}"
    refused = await world.send("PATCH", path, json={"starts_at": window["ends_at"]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/ends_at")
    assert await world.get(path) == window


async def test_others_keep_their_own_quiet(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    window = await maintain(world, kpis=["k"])
    await mute(world, monitor)
    theirs = await world.api.key("metrics:read", "metrics:write", workspace="other")
    reader = await world.api.key("metrics:read")

    for path in (f"{WINDOWS}/{window['id']}", mute_of(monitor)):
        assert (await world.send("GET", path, headers=theirs)).status_code == 404
        assert (await world.send("DELETE", path, headers=theirs)).status_code == 404
        assert (await world.send("DELETE", path, headers=reader)).status_code == 403
    assert (await world.send("GET", WINDOWS, headers=theirs)).json()["items"] == []


async def test_of_many_who_mute_at_once_each_leaves_one_mute(world):
    await world.kpi()
    monitor = await world.monitor(HIGH)
    bodies = [{"until": (world.now + minutes * HOUR / 60).isoformat()} for minutes in range(1, 9)]

    answers = await asyncio.gather(*(world.send("PUT", mute_of(monitor), json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    shown_now = (await world.send("GET", mute_of(monitor))).json()
    assert shown_now in [answer.json() for answer in answers]


async def test_a_workspace_has_so_many_windows(world, monkeypatch):
    monkeypatch.setattr("opsloop_metrics.silences.service.MAINTENANCE_WINDOWS_PER_WORKSPACE", 1)
    window = await maintain(world)
    body = {name: window[name] for name in ("name", "starts_at", "ends_at")}
    refused = await world.send("POST", WINDOWS, json=body)
    assert (refused.status_code, refused.json()["type"].rpartition(":")[2]) == (409, "too_many")


async def test_a_monitor_that_is_switched_off_stays_so(world):
    await world.kpi()
    monitor = await world.monitor(HIGH, enabled=False)
    await world.report(11)
    await mute(world, monitor)
    assert (await world.send("DELETE", mute_of(monitor))).status_code == 204
    await world.settle(10)

    assert (await world.state(), await world.told(), await world.evaluations_waiting()) == ("ok", [], 0)
