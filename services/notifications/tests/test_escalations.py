"""Escalation as people live it: steps, whoever is on call, acknowledgements, silences, and workers that die."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from services.notifications.tests.watching import DUE, Watch, breach, lasting, later, named, over, recovery

MINUTE = 60


@pytest.fixture
async def watch(service, hook):
    made = Watch(service, await service.key(), None)
    made.receiver = await made.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager", description="pager",
                                    event_types=["campaign.*"])  # fmt: skip
    for user, locale in (("ann", "en"), ("ben", "zh"), ("dan", "en")):
        await made.call("PUT", f"/v1/recipients/{user}", 201, email=f"{user}@example.test", locale=locale)
    return made


def step(after, *targets):
    kinds = {"u": "user", "s": "schedule", "w": "webhook"}
    return {"after": f"PT{after}M", "targets": [{"kind": kinds[kind], "id": id} for kind, id in targets]}


async def policy(watch, *steps, **fields):
    body = {"name": "severe", "steps": list(steps)} | fields
    return await watch.call("POST", "/v1/escalation-policies", 201, **body)


async def schedule(watch, zone, begins, *users):
    rotations = [{"users": list(users), "begins": begins, "unit": "days", "length": 1}]
    return await watch.call("POST", "/v1/schedules", 201, name="on call", time_zone=zone, rotations=rotations)


async def mails(watch):
    """Return to whom what was mailed, oldest first."""
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        rows = await session.execute(
            text(
                "SELECT n.user_id, n.locale, m.contents FROM notification n JOIN message m "
                "ON m.workspace = n.workspace AND m.id = n.message_id ORDER BY n.id"
            )
        )
        return [(row.user_id, next(one for one in row.contents if one["locale"] == row.locale)) for row in rows]


async def mailed(watch):
    return [user for user, _ in await mails(watch)]


async def log_of(watch):
    [alert] = await watch.listed()
    return list(reversed((await watch.call("GET", f"/v1/alerts/{alert['id']}"))["log"]))


async def test_an_alert_is_taken_from_step_to_step(watch):
    made = await policy(
        watch, step(0, ("u", "ann")), step(5, ("u", "ben"), ("u", "dan")), step(10, ("w", watch.receiver["id"]))
    )
    await watch.post(lasting(watch, "Down", severity="critical"))
    await run_due(watch.service.db, DUE)
    assert await mailed(watch) == ["ann"]
    await watch.pass_by(5 * MINUTE - 1)
    assert await mailed(watch) == ["ann"]
    await watch.pass_by(1)
    assert await mailed(watch) == ["ann", "ben", "dan"]
    await watch.pass_by(10 * MINUTE)
    await watch.pass_by(4 * 60 * MINUTE, step=60 * MINUTE)

    assert await watch.said() == [("escalation step 3", ["+Down"])]
    escalated = [entry["detail"] for entry in await log_of(watch) if entry["kind"] == "escalated"]
    assert [(one["step"], one["told"]) for one in escalated] == [
        (1, ["user:ann"]), (2, ["user:ben", "user:dan"]), (3, [f"webhook:{watch.receiver['id']}"])
    ]  # fmt: skip
    assert {one["policy_id"] for one in escalated} == {made["id"]}
    async with watch.service.db.transaction() as session:
        rows = await session.execute(text("SELECT payload FROM outbox WHERE type = 'alert.escalated' ORDER BY id"))
        said = [json.loads(row.payload)["data"] for row in rows]
        assert await session.scalar(text("SELECT count(*) FROM escalation")) == 0
    assert [(one["step"], one["alertname"]) for one in said] == [(1, "Down"), (2, "Down"), (3, "Down")]


async def test_each_is_told_in_their_language_with_the_way_there(watch):
    await policy(watch, step(0, ("u", "ann"), ("u", "ben"), ("u", "ann")))
    await watch.post(lasting(watch, "Down", severity="critical") | {"annotations": {"summary": "the shop is down"}})
    await run_due(watch.service.db, DUE)

    (ann, english), (ben, chinese) = await mails(watch)
    assert (ann, ben) == ("ann", "ben")
    assert english["subject"] == chinese["subject"] == "[critical] the shop is down"
    assert english["body"].startswith("Nobody has acknowledged")
    assert chinese["body"].startswith("该告警尚无人认领")


async def test_over_a_change_of_clocks_and_an_override_it_reaches_who_is_on_call(watch):
    """Scenario: handovers daily at 09:00 in Berlin, where clocks are put forward in the night of 28 March 2027.

    ann has the 27th, ben the 28th, ann the 29th … by turns: the handover of the 28th is at 07:00 UTC and no longer at 08:00. The
    critical alert fires at 06:50 UTC and reaches ann; 15 minutes later, at 07:05, ben; dan takes over from 07:10 to 07:30, and has the
    third at 07:20; at 07:35 it is ben again, who acknowledges.
    """
    begins = datetime(2027, 3, 28, 6, 50, tzinfo=UTC)
    watch.service.clock.advance((begins - watch.service.clock.now()).total_seconds())
    turns = await schedule(watch, "Europe/Berlin", "2027-03-27T09:00", "ann", "ben")
    target = ("s", turns["id"])
    critical = [{"name": "severity", "value": "critical"}]
    await policy(watch, step(0, target), step(15, target), matchers=critical, repeats=5)
    await watch.call(
        "POST", f"/v1/schedules/{turns['id']}/overrides", 201, user_id="dan",
        starts_at="2027-03-28T07:10:00Z", ends_at="2027-03-28T07:30:00Z",
    )  # fmt: skip
    await watch.post(lasting(watch, "Down", severity="critical"), lasting(watch, "Slow", severity="warning"))
    await watch.pass_by(50 * MINUTE, step=MINUTE)

    # steps at 06:50, 07:05, then the repeat a minute after (07:06), 07:21, 07:22, 07:37, 07:38
    assert await mailed(watch) == ["ann", "ben", "ben", "dan", "dan", "ben", "ben"]
    down = next(alert for alert in await watch.listed() if alert["name"] == "Down")
    await watch.call("POST", f"/v1/alerts/{down['id']}/acknowledge", note="on it")
    await watch.pass_by(120 * MINUTE, step=10 * MINUTE)
    assert len(await mailed(watch)) == 7
    log = (await watch.call("GET", f"/v1/alerts/{down['id']}"))["log"]
    assert [entry["kind"] for entry in reversed(log)] == ["fired", *["escalated"] * 7, "acknowledged"]
    with pytest.raises(Exception, match="not changed"):
        async with watch.service.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text("UPDATE alert_entry SET note = 'never happened' WHERE kind = 'escalated'"))


async def test_an_acknowledgement_that_nobody_ends_in_time_is_taken_back(watch):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")), reopens_after="PT30M")
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(MINUTE)
    [alert] = await watch.listed()
    await watch.call("POST", f"/v1/alerts/{alert['id']}/acknowledge", note="on it")
    await watch.pass_by(29 * MINUTE, step=MINUTE)
    assert await mailed(watch) == ["ann"]
    await watch.pass_by(6 * MINUTE, step=MINUTE)

    assert await mailed(watch) == ["ann", "ann", "ben"]
    [alert] = await watch.listed()
    assert (alert["acknowledged_at"], alert["acknowledged_by"]) == (None, None)
    kinds = [(entry["kind"], entry["detail"].get("reason")) for entry in await log_of(watch)]
    assert kinds[2:] == [
        ("acknowledged", None), ("unacknowledged", "nobody ended it in time"), ("escalated", None), ("escalated", None)
    ]  # fmt: skip


async def test_an_acknowledgement_that_runs_out_under_a_silence_pages_nobody_before_its_end(watch):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")), reopens_after="PT30M")
    await watch.post(lasting(watch, "Down"))
    await run_due(watch.service.db, DUE)
    [alert] = await watch.listed()
    await watch.call("POST", f"/v1/alerts/{alert['id']}/acknowledge", note="on it")
    await watch.call("POST", "/v1/silences", 201, matchers=[{"name": "alertname", "value": "Down"}], comment="release",
                     ends_at=later(watch, hours=2))  # fmt: skip
    await watch.pass_by(119 * MINUTE, step=MINUTE)
    assert await mailed(watch) == ["ann"]
    [alert] = await watch.listed()
    assert alert["acknowledged_at"] is None, "it says in time that nobody has it"
    await watch.pass_by(2 * MINUTE, step=MINUTE)
    assert await mailed(watch) == ["ann", "ann"]
    await watch.pass_by(6 * MINUTE, step=MINUTE)
    assert await mailed(watch) == ["ann", "ann", "ben"]


@pytest.mark.parametrize("end", ["over", "resolve"])
async def test_what_ends_goes_no_further_and_begins_anew_when_it_fires_again(watch, end):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")), step(5, ("u", "dan")))
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(5 * MINUTE)
    [alert] = await watch.listed()
    if end == "over":
        await watch.post(over(watch, "Down"))
    else:
        await watch.call("POST", f"/v1/alerts/{alert['id']}/resolve", note="rolled back")
    await watch.pass_by(MINUTE)
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(2 * MINUTE, step=MINUTE)

    assert await mailed(watch) == ["ann", "ann"]
    await watch.pass_by(20 * MINUTE, step=MINUTE)
    assert (await mailed(watch))[-3:] == ["ann", "ben", "dan"]


async def test_steps_follow_by_the_second_where_that_is_said(watch):
    after = [{"after": said} for said in ("PT0S", "PT0S", "PT20S")]
    targets = [{"targets": [{"kind": "user", "id": user}]} for user in ("ann", "ben", "dan")]
    await policy(watch, *(one | two for one, two in zip(after, targets, strict=True)))
    await watch.post(lasting(watch, "Down"))
    await run_due(watch.service.db, DUE)
    assert await mailed(watch) == ["ann", "ben"]
    await watch.pass_by(19)
    assert await mailed(watch) == ["ann", "ben"]
    await watch.pass_by(1)

    assert await mailed(watch) == ["ann", "ben", "dan"]


async def test_saying_again_that_it_fires_is_no_new_beginning(watch):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")))
    for _ in range(12):
        await watch.post(named("Down"))
        await watch.pass_by(MINUTE)

    assert await mailed(watch) == ["ann", "ben"]


async def test_what_is_silenced_or_inhibited_waits(watch):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")))
    await watch.call("POST", "/v1/silences", 201, matchers=[{"name": "alertname", "value": "Down"}], comment="c",
                     ends_at=later(watch, minutes=10))  # fmt: skip
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(9 * MINUTE, step=MINUTE)
    assert await mailed(watch) == []
    await watch.pass_by(2 * MINUTE, step=MINUTE)
    assert await mailed(watch) == ["ann"]


async def test_of_policies_the_first_that_matches_counts(watch):
    severe = [{"name": "severity", "op": "=~", "value": "critical|page"}]
    await policy(watch, step(0, ("u", "ben")), position=9)
    await policy(watch, step(0, ("u", "ann")), position=1, matchers=severe)
    await policy(watch, step(0, ("u", "dan")), position=2, matchers=severe)
    await watch.post(lasting(watch, "a", severity="critical"), lasting(watch, "b"))
    await run_due(watch.service.db, DUE)

    assert sorted(await mailed(watch)) == ["ann", "ben"]


async def test_events_are_escalated_as_well_and_their_end_ends_it(watch):
    await policy(watch, step(1, ("u", "ann")), step(5, ("u", "ben")))
    incident = uuid4()
    await watch.happen(breach(incident))
    await watch.pass_by(MINUTE)
    await watch.happen(recovery(incident))
    await watch.pass_by(10 * MINUTE, step=MINUTE)

    assert await mailed(watch) == ["ann"]


async def test_a_step_that_reaches_nobody_says_so_and_the_next_is_taken(watch, hook):
    gone = await schedule(watch, "UTC", "2026-01-05T09:00", "ann")
    unborn = await schedule(watch, "UTC", "2099-01-05T09:00", "ann")
    pager = await watch.call("POST", "/v1/webhooks", 201, url=hook.url, format="alertmanager")
    await policy(
        watch,
        step(0, ("s", gone["id"]), ("s", unborn["id"]), ("w", pager["id"])),
        step(5, ("u", "nobody")),
        step(5, ("u", "ann")),
    )
    await watch.call("DELETE", f"/v1/schedules/{gone['id']}", 204)
    await watch.call("DELETE", f"/v1/webhooks/{pager['id']}", 204)
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(11 * MINUTE, step=MINUTE)

    told = [entry["detail"]["told"] for entry in await log_of(watch) if entry["kind"] == "escalated"]
    assert told == [
        [f"schedule:{gone['id']}: nobody", f"schedule:{unborn['id']}: nobody", f"webhook:{pager['id']}: none"],
        ["user:nobody: no_address"],
        ["user:ann"],
    ]
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        rows = await session.execute(text("SELECT user_id, status, reason FROM notification ORDER BY id"))
        assert [tuple(row) for row in rows] == [("nobody", "failed", "no_address"), ("ann", "pending", None)]


async def test_a_policy_that_is_gone_or_changed_counts_at_the_next_step(watch):
    made = await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")))
    path = f"/v1/escalation-policies/{made['id']}"
    await watch.post(lasting(watch, "a"))
    await watch.pass_by(MINUTE)
    await watch.call("PATCH", path, steps=[step(0, ("u", "ann")), step(5, ("u", "dan"))])
    await watch.pass_by(5 * MINUTE)
    assert await mailed(watch) == ["ann", "dan"]
    await watch.post(lasting(watch, "b"))
    await watch.pass_by(MINUTE)
    await watch.call("DELETE", path, 204)
    await watch.pass_by(10 * MINUTE, step=MINUTE)

    assert await mailed(watch) == ["ann", "dan", "ann"]


async def test_workers_at_once_and_workers_that_come_late_take_each_step_once(watch):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")), step(5, ("u", "dan")))
    await watch.post(lasting(watch, "Down"))
    await asyncio.gather(*(run_due(watch.service.db, DUE) for _ in range(3)))
    assert await mailed(watch) == ["ann"]
    watch.service.clock.advance(60 * MINUTE)  # nobody was there
    await asyncio.gather(*(run_due(watch.service.db, DUE) for _ in range(3)))

    assert await mailed(watch) == ["ann", "ben"]  # the third is five minutes later than the second, whenever that was
    await watch.pass_by(5 * MINUTE)
    assert await mailed(watch) == ["ann", "ben", "dan"]


async def test_an_acknowledgement_and_a_step_at_once(watch):
    await policy(watch, step(0, ("u", "ann")), step(5, ("u", "ben")))
    await watch.post(lasting(watch, "Down"))
    await run_due(watch.service.db, DUE)
    [alert] = await watch.listed()
    watch.service.clock.advance(5 * MINUTE)
    path = f"/v1/alerts/{alert['id']}/acknowledge"
    answer, _ = await asyncio.gather(
        watch.service.client.post(path, json={}, headers=watch.key), run_due(watch.service.db, DUE)
    )

    assert answer.status_code == 200
    kinds = [entry["kind"] for entry in await log_of(watch)]
    assert kinds in (["fired", "escalated", "escalated", "acknowledged"], ["fired", "escalated", "acknowledged"])
    assert len(await mailed(watch)) == kinds.count("escalated")


async def test_a_person_is_told_by_each_way_that_they_have_with_a_link_of_its_own(watch, work):
    watch.service.runtime.settings.__dict__["public_url"] = "https://ops.example.test"
    chat = await watch.call("POST", "/v1/channels", 201, kind="slack", name="Team", url="https://chat.test/x")
    await watch.call("POST", "/v1/recipients/ann/contacts", 201, kind="chat", channel_id=chat["id"], address="U1")
    sms = {"body": {"to": "{{ to }}", "text": "{{ text }}"}}
    await watch.call("POST", "/v1/channels", 201, kind="sms_http", name="SMS", url="https://sms.test/x", sms=sms)
    await watch.call("POST", "/v1/recipients/ann/contacts", 201, kind="phone", address="+8613800138000")
    await policy(watch, step(0, ("u", "ann"), ("u", "ben")))
    await watch.post(lasting(watch, "Down", severity="critical"))
    await run_due(watch.service.db, DUE)

    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        told = (await session.execute(text("SELECT user_id, channel, status FROM notification ORDER BY id"))).all()
        kept = await session.scalars(text("SELECT contents FROM message ORDER BY created_at, id"))
        contents = [one for row in kept for one in row if one["locale"] == "en"]
    assert {(user, channel) for user, channel, _ in told} == {
        ("ann", "email"), ("ann", "chat"), ("ann", "sms"), ("ben", "email"),
    }  # fmt: skip
    in_chat = next(one for one in contents if one.get("channel") == "chat")
    in_sms = next(one for one in contents if one.get("channel") == "sms")
    (button,) = in_chat["buttons"]
    assert button["words"] == "Acknowledge"
    assert "alertname: Down" in in_chat["body"]
    mailed_links = [one["body"].splitlines()[-1] for one in contents if "channel" not in one]
    links = [*mailed_links, button["url"], in_sms["url"]]
    assert all(link.startswith("https://ops.example.test/") for link in links)
    assert len(set(links)) == len(links)


async def test_a_step_that_reaches_nobody_says_so_and_the_next_one_follows_at_once(watch):
    gone = await watch.call("POST", "/v1/webhooks", 201, url="http://127.0.0.1:9/", format="alertmanager")
    empty = await schedule(watch, "Asia/Shanghai", "2030-01-01T09:00", "ann")
    targets = ("u", "ghost"), ("s", empty["id"]), ("w", gone["id"])
    await policy(watch, step(0, *targets), step(30, ("u", "ann")), step(30, ("u", "ben")))
    await watch.call("DELETE", f"/v1/webhooks/{gone['id']}", 204)
    await watch.post(lasting(watch, "Down"))
    await watch.pass_by(2 * MINUTE, step=MINUTE)

    assert [user for user in await mailed(watch) if user != "ghost"] == ["ann"]
    first, second = [entry["detail"]["told"] for entry in await log_of(watch) if entry["kind"] == "escalated"]
    assert sorted(first) == sorted(
        [f"schedule:{empty['id']}: nobody", f"webhook:{gone['id']}: none", "user:ghost: no_address"]
    )
    assert second == ["user:ann"]
    await watch.pass_by(31 * MINUTE, step=MINUTE)
    assert [user for user in await mailed(watch) if user != "ghost"] == ["ann", "ben"], "who heard has their time"
