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
        "kpi_name": "A KPI",
        "incident_id": status["monitors"][0]["incident_id"],
        "value": 1.0,
        "threshold": 0.5,
        "operator": "ge",
        "expected": None,
        "condition": "threshold",
        "words": None,
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
    assert (recovered[0].data["kpi_name"], recovered[0].data["unit"]) == ("A KPI", "ratio")
    (breach,) = (await world.get("/v1/breaches"))["items"]
    assert (breach["state"], breach["end_reason"]) == ("closed", "recovered")


async def test_for_waits_and_needs_a_second_look(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(2), window="PT10M", **{"for": "PT1M"})
    await world.hear(world.received(), world.received())
    assert await world.state() == "pending"

    await world.tick(59)
    assert await world.state() == "pending"
    assert await world.told("kpi.breached") == []
    await world.tick(1)

    (breach,) = await world.told("kpi.breached")
    listed = (await world.get("/v1/breaches"))["items"][0]
    assert await world.state() == "breached"
    assert listed["incident_id"] == breach.data["incident_id"]
    assert listed["started_at"] < listed["opened_at"]


async def test_for_begins_again_when_the_value_was_good_in_between(world):
    await world.kpi()
    await world.monitor(at_least(2), **{"for": "PT1M"})
    for value, seconds in ((3, 30), (1, 10), (3, 40)):
        await world.report(value)
        await world.settle(seconds)
    assert await world.state() == "pending"
    await world.settle(20)
    assert await world.state() == "breached"


async def test_keep_firing_for_bridges_a_short_calm(world):
    await world.kpi()
    await world.monitor(at_least(2), keep_firing_for="PT1M")
    await world.report(3)
    await world.settle(1)
    await world.report(1)
    await world.settle(30)
    assert await world.state() == "recovering"
    await world.report(3)
    await world.settle(1)
    assert await world.state() == "breached"
    await world.report(1)
    await world.settle(59)
    assert (await world.state(), await world.told("kpi.recovered")) == ("recovering", [])

    await world.settle(2)

    assert await world.state() == "ok"
    assert len(await world.told("kpi.breached")) == len(await world.told("kpi.recovered")) == 1


async def test_each_breach_after_a_recovery_is_another_incident(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(1), window="PT10S")
    for _ in range(3):
        await world.hear(world.received())
        await world.settle(11)

    breached, recovered = await world.told("kpi.breached"), await world.told("kpi.recovered")
    incidents = [event.data["incident_id"] for event in breached]
    assert len(set(incidents)) == 3
    assert [event.data["incident_id"] for event in recovered] == incidents
    assert [event.sequence for event in await world.told()] == [1, 2, 3, 4, 5, 6]


async def test_an_event_leaves_the_window_exactly_when_it_is_as_old_as_the_window(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(1), window="PT1M")
    event = world.received()
    await world.hear(event)

    await world.tick(timedelta(seconds=59.499))
    assert await world.state() == "breached"
    await world.tick(timedelta(seconds=0.001))

    assert await world.state() == "ok"
    assert (await world.told("kpi.recovered"))[0].data["value"] == 0


async def test_an_empty_window_leaves_a_share_in_its_state(world):
    await world.kpi(SHARE)
    await world.monitor(at_least(0.5), window="PT10S")
    await world.hear(world.received("s1"))
    await world.settle(30)

    status = await world.status()
    assert (status["state"], status["value"]) == ("breached", None)
    await world.hear(world.received("s4"))
    assert await world.state() == "ok"


async def test_a_count_of_none_is_a_fact(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(5, "lt"), window="PT1M")
    assert await world.state() == "breached"


async def test_min_count_keeps_a_small_sample_quiet(world):
    await world.kpi(SHARE)
    await world.monitor(at_least(0.5), window="PT1H", min_count=3)
    await world.hear(world.received("s1"), world.received("s1"))
    assert await world.state() == "ok"
    await world.hear(world.received("s1"))
    assert await world.state() == "breached"


async def test_silence_is_told_once_and_ends_when_something_comes(world):
    await world.kpi(COUNT)
    monitor = await world.monitor({"type": "no_data"}, window="PT1M", severity="info")
    await world.settle(90)
    assert (await world.state(), await world.told()) == ("ok", []), "a source never seen is awaited"

    seen_at = world.now
    await world.hear(world.received())
    await world.tick(59)
    assert await world.state() == "ok"
    await world.tick(0.5)
    assert await world.state() == "no_data"
    await world.settle(120)
    (silence,) = await world.told()
    assert (silence.type, silence.data["monitor_id"]) == ("kpi.no_data", monitor["id"])
    assert silence.data["last_seen_at"] == seen_at.isoformat().replace("+00:00", "Z")

    await world.hear(world.received())

    assert await world.state() == "ok"
    assert [event.type for event in await world.told()] == ["kpi.no_data", "kpi.recovered"]
    assert (await world.get("/v1/breaches"))["items"][0]["type"] == "no_data"


async def test_reported_values_count_latest_first(world):
    await world.kpi()
    await world.monitor(at_least(10))
    await world.report(12, world.now - MINUTE)
    await world.report(5, world.now - 2 * MINUTE)
    await world.settle(1)
    assert (await world.status())["value"] == 12
    assert await world.state() == "breached"
    await world.settle(3600)
    assert await world.state() == "breached", "without a window the latest value stays"

    await world.report(9.99)
    await world.settle(1)
    assert await world.state() == "ok"


async def test_a_reported_value_counts_only_inside_the_window(world):
    await world.kpi()
    await world.monitor(at_least(10), window="PT1M")
    await world.report(99, world.now - 2 * MINUTE)
    await world.settle(1)
    assert await world.state() == "ok"
    await world.report(10)
    await world.settle(70)
    status = await world.status()
    assert (status["state"], status["value"]) == ("breached", None), "no value keeps the state"


async def test_a_correction_takes_back_a_breach(world):
    await world.kpi()
    await world.monitor(at_least(10))
    at = world.now
    await world.report(100, at)
    await world.settle(1)
    await world.report(1, at)
    await world.settle(1)

    assert await world.state() == "ok"
    assert [value["value"] for value in (await world.get("/v1/kpis/k/values"))["items"]] == [1]


async def test_a_silent_reporter_is_noticed(world):
    await world.kpi()
    await world.monitor({"type": "no_data"}, window="PT1M")
    await world.report(1)
    await world.tick(60)
    assert await world.state() == "no_data"


async def test_ratio_of_replies_to_posts(world):
    ratio = {
        "type": "ratio",
        "numerator": {"type": "events", "event": "feedback.replied", "aggregate": "count"},
        "denominator": COUNT,
    }
    await world.kpi(ratio)
    await world.monitor(at_least(0.5, "lt"), window="PT1H")
    await world.hear(world.replied(5))
    assert (await world.status())["value"] is None
    await world.hear(world.received(), world.received(), world.received(), world.received())
    assert (await world.status())["value"] == 0.25
    assert await world.state() == "breached"
    await world.hear(world.replied(5))
    await world.settle(1)
    assert await world.state() == "ok"


async def test_median_first_reply_time_and_average_satisfaction(world):
    replies = {"type": "events", "event": "feedback.replied", "property": "data.reply_seconds"}
    await world.kpi(replies | {"aggregate": "median"}, key="first_reply", unit="s", direction="down")
    await world.kpi(
        {"type": "events", "event": "feedback.received", "aggregate": "avg", "property": "data.rating"}, key="csat"
    )
    await world.monitor(at_least(600, "gt"), key="first_reply", window="P1D")
    await world.monitor(at_least(3, "lt"), key="csat", window="P1D")

    await world.hear(*[world.replied(seconds) for seconds in (10, 400, 3000, None)])
    await world.hear(*[world.received(rating=rating) for rating in (5, 2, None, 2)])

    assert (await world.status("first_reply"))["value"] == 400
    assert (await world.status("csat"))["value"] == 3
    assert (await world.state("first_reply"), await world.state("csat")) == ("ok", "ok"), (
        "equality belongs to le and ge"
    )
    await world.hear(world.replied(5000), world.received(rating=1))
    await world.settle(1)
    assert (await world.state("first_reply"), await world.state("csat")) == ("breached", "breached")


async def test_the_same_event_twice_counts_once(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(2), window="PT1M")
    event = world.received()

    assert await world.hear(event) == 1
    assert await world.hear(event) == 0
    await world.settle(2)

    assert (await world.status())["value"] == 1


async def test_late_and_shuffled_events_count_from_when_they_happened(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(3), window="PT1M")
    now = world.now
    for seconds in (30, 5, 200, 59):
        await world.hear(world.received(at=now - timedelta(seconds=seconds)))

    assert (await world.status())["value"] in (2, 3), "one left the window while the events came in"
    await world.hear(world.received(at=now))
    assert await world.state() == "breached"


async def test_an_event_dated_ahead_counts_when_its_time_comes(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(1), window="PT1M")
    await world.hear(world.received(at=world.now + timedelta(seconds=90)))
    assert await world.state() == "ok"
    await world.tick(89)
    assert await world.state() == "ok"
    await world.tick(0.5)
    assert await world.state() == "breached"
    await world.tick(60)
    assert await world.state() == "ok"


async def test_a_breach_remembers_how_long_its_chain_is(world):
    await world.kpi({"type": "events", "event": "kpi.breached", "aggregate": "count"}, key="meta")
    await world.monitor(at_least(1), key="meta", window="PT1H")
    await world.kpi(COUNT)
    await world.monitor(at_least(1), window="PT1H")
    await world.hear(world.received())
    (first,) = await world.told()

    await world.hear(first)

    second = (await world.told())[1]
    assert (second.data["kpi"], second.causationid, second.causationdepth) == ("meta", str(first.id), 2)
    assert second.correlationid == first.correlationid


async def test_the_target_is_reached_once_per_crossing(world):
    await world.kpi(target=10, direction="down")
    for value in (12, 10, 8, None, 11, 9):
        if value is not None:
            await world.report(value)
        world.api.clock.advance(1)

    reached = await world.told("kpi.target_reached")
    assert [(event.data["value"], event.data["target"]) for event in reached] == [(10, 10), (9, 10)]


async def test_the_history_of_a_monitor_is_readable(world):
    await world.kpi(COUNT)
    monitor = await world.monitor(at_least(3), window="PT30S")
    for _ in range(4):
        await world.hear(world.received())
        await world.settle(1)
    await world.settle(40)

    path = f"/v1/kpis/k/monitors/{monitor['id']}/evaluations"
    items = (await world.get(path))["items"]
    assert [item["at"] for item in items] == sorted((item["at"] for item in items), reverse=True)
    assert (items[0]["state"], items[0]["value"]) == ("ok", 0)
    assert {"breached", "ok"} == {item["state"] for item in items}
    assert len(items) < 15
    page = await world.get(path, limit=2)
    rest = await world.get(path, limit=200, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == items
    assert (await world.get(path, to=items[-1]["at"]))["items"] == []


async def test_old_history_is_pruned(world):
    await world.kpi(COUNT)
    monitor = await world.monitor(at_least(3), window="PT30S")
    path = f"/v1/kpis/k/monitors/{monitor['id']}/evaluations"
    assert len((await world.get(path))["items"]) == 1
    for _ in range(32):
        await world.tick(timedelta(days=1))
        await world.recur()
    oldest = (await world.get(path, limit=200))["items"][-1]["at"]
    assert oldest >= (world.now - timedelta(days=31)).isoformat()


async def test_many_events_of_a_moment_are_one_evaluation(world):
    await world.kpi(COUNT)
    await world.monitor(at_least(1000), window="PT1H")
    await world.settle(2)
    for _ in range(20):
        await world.hear_now(world.received())
    before = await world.evaluations_waiting()
    await world.tick(1)
    assert before == 1
    assert (await world.status())["monitors"][0]["value"] == 20
