"""How alerts live: stories by the second with their logs computed by hand, incidents, clocks of others, and many at once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due, run_recurring
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.alert_rules.consumers import ALERTS
from opsloop_notifications.alerts.timers import EXPIRE
from opsloop_notifications.retention.timers import FORGET_OLD
from services.notifications.tests.watching import Watch, breach, lasting, named, over, recovery


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    return made


def flaps(first, every, *, times, after=10):
    """Write a story in which it fires again and again, and ends `after` seconds later each time."""
    return "; ".join(f"{second} +; {second + after} -" for second in range(first, first + every * times, every))


# `p` is posted as Prometheus does, without an end; `+` with an end far away; `-` is its end; `a`, `u`, `r`: acknowledge, unacknowledge
# and resolve by hand; `.` only time. What is due is done at each moment that is named.
STORIES = [
    # 0 + 300 = 300
    ("nobody says again that it fires", "0 p; 299 .; 300 .", "fired@0 resolved/expired@300", "resolved 1"),
    # 240 + 300 = 540
    ("said again in time", "0 p; 240 p; 300 .; 539 .; 540 .", "fired@0 resolved/expired@540", "resolved 1"),
    ("said again too late: another firing", "0 p; 300 .; 301 p", "fired@0 resolved/expired@300 fired@301", "firing 2"),
    # the row of 300 is replaced by that of 0 + 86,400
    ("an end far away takes the place of the five minutes", "0 p; 10 +; 400 .", "fired@0", "firing 1"),
    # and the other way round: 10 + 300 = 310
    ("… and the other way round", "0 +; 10 p; 309 .; 310 .", "fired@0 resolved/expired@310", "resolved 1"),
    ("an end said twice is one", "0 +; 5 -; 6 -", "fired@0 resolved/recovered@5", "resolved 1"),
    ("an end of what never fired is none", "0 -; 1 +", "fired@1", "firing 1"),
    ("seen to, then it ends", "0 +; 5 a; 9 -", "fired@0 acknowledged@5 resolved/recovered@9", "resolved 1"),
    ("seen to, and still it is expired", "0 p; 5 a; 300 .", "fired@0 acknowledged@5 resolved/expired@300", "resolved 1"),
    ("by hand, and its source says on", "0 +; 5 r; 20 +", "fired@0 resolved/by_hand@5 fired@20", "firing 2"),
    ("by hand, and the end of its source is none", "0 +; 5 r; 20 -", "fired@0 resolved/by_hand@5", "resolved 1"),
    ("taken, given back, taken", "0 +; 1 a; 2 u; 3 a", "fired@0 acknowledged@1 unacknowledged@2 acknowledged@3", "firing 1"),
    # four times within the hour
    ("four firings are no flapping", flaps(0, 60, times=4),
     "fired@0 resolved/recovered@10 fired@60 resolved/recovered@70 fired@120 resolved/recovered@130 fired@180 resolved/recovered@190",
     "resolved 4"),
    # the fifth end, at 250, is held until 250 + 600 = 850
    ("the fifth end waits for ten minutes of quiet", flaps(0, 60, times=5) + "; 849 .; 850 .",
     "fired@0 resolved/recovered@10 fired@60 resolved/recovered@70 fired@120 resolved/recovered@130 fired@180 resolved/recovered@190 "
     "fired@240 flapping@250 resolved/recovered@850", "resolved 5"),
    # it fires again at 300 while its end is held: no new firing is told; the quiet begins anew at 310, until 910
    ("firing while it is held puts the quiet off", flaps(0, 60, times=6) + "; 850 .; 909 .; 910 .",
     "fired@0 resolved/recovered@10 fired@60 resolved/recovered@70 fired@120 resolved/recovered@130 fired@180 resolved/recovered@190 "
     "fired@240 flapping@250 resolved/recovered@910", "resolved 6"),
    # 3600 - 0 is an hour: at 3610 only four are within it
    ("five in more than an hour are no flapping", flaps(0, 900, times=5),
     "fired@0 resolved/recovered@10 fired@900 resolved/recovered@910 fired@1800 resolved/recovered@1810 fired@2700 "
     "resolved/recovered@2710 fired@3600 resolved/recovered@3610", "resolved 5"),
    ("by hand ends also what is held", flaps(0, 60, times=5) + "; 260 r; 900 .",
     "fired@0 resolved/recovered@10 fired@60 resolved/recovered@70 fired@120 resolved/recovered@130 fired@180 resolved/recovered@190 "
     "fired@240 flapping@250 resolved/by_hand@260", "resolved 5"),
    # three firings are long past; the fifth within the hour is the eighth in all: at 100,000 + 240, held at 100,250 until 100,850
    ("it flaps, however often it fired before", flaps(0, 60, times=3) + "; " + flaps(100_000, 60, times=5) + "; 100850 .",
     "fired@0 resolved/recovered@10 fired@60 resolved/recovered@70 fired@120 resolved/recovered@130 "
     "fired@100000 resolved/recovered@100010 fired@100060 resolved/recovered@100070 fired@100120 resolved/recovered@100130 "
     "fired@100180 resolved/recovered@100190 fired@100240 flapping@100250 resolved/recovered@100850", "resolved 8"),
]  # fmt: skip


@pytest.mark.parametrize(("story", "log", "end"), [one[1:] for one in STORIES], ids=[one[0] for one in STORIES])
async def test_story(watch, story, log, end):
    zero = watch.service.clock.now()
    verbs = {"a": "acknowledge", "u": "unacknowledge", "r": "resolve"}
    for part in story.split(";"):
        second, what = part.split()
        watch.service.clock.advance(int(second) - (watch.service.clock.now() - zero).total_seconds())
        await run_due(watch.service.db, [EXPIRE])
        if what in verbs:
            [alert] = await watch.listed()
            await watch.call("POST", f"/v1/alerts/{alert['id']}/{verbs[what]}", note="by hand")
        elif what != ".":
            await watch.post({"p": named("a"), "+": lasting(watch, "a"), "-": over(watch, "a")}[what])

    [alert] = await watch.listed()
    entries = (await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"]
    assert " ".join(_short(entry, zero) for entry in reversed(entries)) == log
    assert f"{alert['status']} {alert['firings']}" == end


def _short(entry, zero):
    second = int((datetime.fromisoformat(entry["at"]) - zero).total_seconds())
    reason = entry["detail"].get("reason")
    return f"{entry['kind']}{'/' + reason if reason else ''}@{second}"


async def test_incidents_of_one_kpi_are_one_alert_and_each_end_is_its_own(watch):
    first, second = uuid4(), uuid4()
    await watch.happen(breach(first), breach(second))
    await watch.happen(recovery(first))
    [alert] = await watch.listed()
    assert (alert["status"], alert["incident"], alert["firings"]) == ("firing", str(second), 1)
    await watch.happen(recovery(second))
    [alert] = await watch.listed()

    assert alert["status"] == "resolved"


async def test_what_comes_together_counts_in_its_order(watch):
    one, other = uuid4(), uuid4()
    await watch.happen(
        breach(one), recovery(one), breach(one, kpi="b"), recovery(other, kpi="c"), breach(other, kpi="c")
    )

    found = {alert["labels"]["kpi"]: (alert["status"], alert["firings"]) for alert in await watch.listed()}
    assert found == {"severe_share": ("resolved", 1), "b": ("firing", 1), "c": ("firing", 1)}


async def test_what_an_alert_says_is_caused_by_what_led_to_it(watch):
    event = make_event(breach(uuid4()), workspace="acme")
    await deliver(watch.service.db, ALERTS, event)
    async with watch.service.db.transaction() as session:
        [row] = await session.execute(text("SELECT payload FROM outbox WHERE type = 'alert.triggered'"))

    said = json.loads(row.payload)
    assert (said["causationid"], said["causationdepth"]) == (str(event.id), event.causationdepth + 1)
    assert said["data"]["incident_id"] == str(event.data["incident_id"])


async def test_the_beginning_may_be_said_later_to_have_been_earlier(watch):
    now = watch.service.clock.now()
    begins = [now, now - timedelta(hours=2), now - timedelta(hours=1)]
    for moment in begins:
        await watch.post(lasting(watch, "a") | {"startsAt": moment.isoformat()})
    [alert] = await watch.listed()

    assert datetime.fromisoformat(alert["starts_at"]) == begins[1]
    assert alert["firings"] == 1


@pytest.mark.parametrize(
    ("starts", "ends", "status"),
    [
        ("9999-12-31T23:59:59Z", None, "firing"),
        ("1900-01-02T00:00:00Z", None, "firing"),
        (None, "9999-12-31T23:59:59Z", "firing"),
        ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "firing"),
        ("2026-11-22T00:00:00.123456789+08:00", None, "firing"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "firing"),  # what Go writes for no time at all
        (None, "1970-01-01T00:00:00Z", None),  # the end of what never fired
    ],
)
async def test_clocks_of_others(watch, starts, ends, status):
    said = {name: value for name, value in (("startsAt", starts), ("endsAt", ends)) if value}
    await watch.post({"labels": {"alertname": "a"}, **said})
    await watch.pass_by(30)

    assert [alert["status"] for alert in await watch.listed()] == ([status] if status else [])
    assert [names for _, names in await watch.said()] == ([["+a"]] if status else [])


async def test_an_end_long_ago_is_told_before_it_is_forgotten(watch):
    """A source whose clock is years behind: what is forgotten goes by when it was heard, and the end is not before the beginning."""
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(30)
    await watch.post({"labels": {"alertname": "a"}, "endsAt": "1970-01-02T00:00:00Z"})
    await run_recurring(watch.service.db, [FORGET_OLD])
    await watch.pass_by(300)
    [alert] = await watch.listed()

    assert alert["resolved_at"] == alert["starts_at"]
    assert [names for _, names in await watch.said()] == [["+a"], ["-a"]]


HOSTILE = [
    {"alertname": "__proto__"},
    {"alertname": 'a"b\\c', "kpi": "x\ny\tz"},
    {"alertname": "' OR 1=1 --", "kpi": "%_"},
    {"alertname": "支付失败 🔥", "area": "‮abc"},
    {"alertname": "a", "constructor": "x" * 1_000},
    {"alertname": "a", "kpi": "k=v=w"},
    {"not_called": "anything"},
]


@pytest.mark.parametrize("labels", HOSTILE)
async def test_hostile_labels_are_only_labels(watch, labels):
    await watch.post({"labels": labels}, named("beside"))
    await watch.pass_by(30)
    name, value = list(labels.items())[-1]
    [found] = await watch.listed(label=f"{name}={value}")

    assert (found["labels"], found["name"]) == (labels, labels.get("alertname", ""))
    told = [one["labels"] for document, _ in await watch.told() for one in document["alerts"]]
    assert sorted(map(sorted, told)) == sorted(map(sorted, [labels, {"alertname": "beside"}]))


async def test_many_who_post_the_same_at_once_are_one_alert(watch):
    alerts = [lasting(watch, f"a{number}") for number in range(5)]
    await asyncio.gather(*(watch.post(*alerts[turn:], *alerts[:turn]) for turn in range(5)))

    found = await watch.listed()
    assert sorted((alert["name"], alert["firings"]) for alert in found) == [(f"a{number}", 1) for number in range(5)]
    async with watch.service.db.transaction() as session:
        assert await session.scalar(text("SELECT count(*) FROM outbox WHERE type = 'alert.triggered'")) == 5


async def test_its_end_by_time_and_by_hand_at_once_are_one_end(watch):
    await watch.post(named("a"))
    [alert] = await watch.listed()
    watch.service.clock.advance(300)
    path = f"/v1/alerts/{alert['id']}/resolve"
    by_hand, _ = await asyncio.gather(
        watch.service.client.post(path, json={}, headers=watch.key), run_due(watch.service.db, [EXPIRE])
    )

    assert by_hand.status_code in (200, 409)
    kinds = [entry["kind"] for entry in (await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"]]
    assert kinds == ["resolved", "fired"]


async def test_an_alert_that_is_gone_has_nothing_to_expire(watch):
    await watch.post(named("a"))
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("DELETE FROM alert"))
    watch.service.clock.advance(300)

    assert await run_due(watch.service.db, [EXPIRE]) == 1


async def test_the_same_labels_in_two_workspaces_are_two_alerts(watch):
    other = Watch(watch.service, await watch.service.key(workspace="other"), None)
    for each in (watch, other):
        await each.post(lasting(each, "a"))
    await other.post(over(other, "a"))

    [mine], [theirs] = await watch.listed(), await other.listed()
    assert mine["fingerprint"] == theirs["fingerprint"]
    assert (mine["status"], theirs["status"], mine["id"] != theirs["id"]) == ("firing", "resolved", True)
    assert mine["created_at"] == watch.service.clock.now().astimezone(UTC).isoformat().replace("+00:00", "Z")


async def test_what_its_events_say(watch):
    await watch.post(lasting(watch, "a", severity="critical", kpi="k"))
    [alert] = await watch.listed()
    watch.service.clock.advance(60)
    await watch.call("POST", f"/v1/alerts/{alert['id']}/acknowledge", note="never told to others")
    watch.service.clock.advance(60)
    await watch.call("POST", f"/v1/alerts/{alert['id']}/resolve", note="nor is this")
    async with watch.service.db.transaction() as session:
        rows = await session.execute(text("SELECT payload FROM outbox WHERE type LIKE 'alert.%' ORDER BY id"))
        fired, seen, ended = (json.loads(row.payload) for row in rows)

    same = {"alertname": "a", "severity": "critical", "labels": {"alertname": "a", "severity": "critical", "kpi": "k"}}
    for event in (fired, seen, ended):
        assert {name: event["data"][name] for name in same} == same
        assert event["subject"] == event["partitionkey"] == f"alert/{alert['id']}"
    began = datetime.fromisoformat(alert["starts_at"])
    assert datetime.fromisoformat(seen["data"]["acknowledged_at"]) == began + timedelta(seconds=60)
    assert datetime.fromisoformat(ended["data"]["ended_at"]) == began + timedelta(seconds=120)
    assert (ended["data"]["reason"], seen["actor"][:4]) == ("by_hand", "key:")
    assert "never told" not in json.dumps([fired, seen, ended])


async def test_an_alert_that_was_forgotten_and_fires_again_is_a_new_one(watch):
    await watch.post(lasting(watch, "a"))
    await watch.post(over(watch, "a"))
    [first] = await watch.listed()
    watch.service.clock.advance(timedelta(days=29).total_seconds())
    await run_recurring(watch.service.db, [FORGET_OLD])
    assert [alert["id"] for alert in await watch.listed()] == [first["id"]]
    watch.service.clock.advance(timedelta(days=2).total_seconds())
    await run_recurring(watch.service.db, [FORGET_OLD])
    assert await watch.listed() == []

    await watch.post(lasting(watch, "a"))
    [again] = await watch.listed()
    assert (again["firings"], again["fingerprint"], again["id"] != first["id"]) == (1, first["fingerprint"], True)
