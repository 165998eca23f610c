"""Clocks on a Chinese calendar, over HTTP with a time that is set: what is due, what stands still, and what is told once."""

import asyncio

import pytest


@pytest.mark.parametrize(
    ("at", "due"),
    [
        ("2026-11-27T17:30", "Mon 11-30 09:30"),  # Friday evening
        ("2026-11-25T11:45", "Wed 11-25 14:15"),  # over lunch
        ("2027-09-30T17:30", "Fri 10-08 09:30"),  # the day before the National Day's week
        ("2027-10-08T17:30", "Sat 10-09 09:30"),  # the Saturday of make-up work counts
        ("2026-11-28T10:00", "Mon 11-30 10:00"),  # posted on a Saturday
    ],
)
async def test_the_first_reply_is_due_after_an_hour_of_work(china, at, due):
    path = await china.post(at)

    assert await china.due(path) == due
    assert await china.clocks(path) == {"first_reply": "running", "resolution": "running"}


async def test_summer_time_of_berlin_begins_in_between(clockwork):
    clockwork.at("2026-11-20T09:00")
    calendar = await clockwork.calendar(time_zone="Europe/Berlin", days=[])
    await clockwork.policy(calendar_id=calendar, first_reply="PT1H")

    path = await clockwork.post("2027-03-27T00:30")  # Friday 17:30 in Berlin

    assert (await clockwork.desk.get(path))["due_at"] == "2027-03-29T07:30:00Z"  # Monday 09:30 of summer time


async def test_what_approaches_and_is_breached_is_told_once_each(china):
    path = await china.post("2026-11-25T09:00")

    await china.work_until("2026-11-25T09:47:59")
    assert await china.told() == []
    await china.work_until("2026-11-25T09:48", "2026-11-25T09:49", "2026-11-25T09:59:59")
    assert await china.told() == [("approaching", "first_reply")]
    await china.work_until("2026-11-25T10:00", "2026-11-25T10:01", "2026-11-25T11:00")

    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")]
    assert await china.clocks(path) == {"first_reply": "breached", "resolution": "running"}
    [event] = [event for event in await china.desk.api.events() if event.type == "feedback.sla_breached"]
    assert event.data["due_at"] == "2026-11-25T02:00:00Z"
    assert (event.data["policy"], event.data["policy_id"]) == ("standard", china.policy_made["id"])
    assert event.subject == path.removeprefix("/v1/")


async def test_after_ten_minutes_of_downtime_both_are_told_once_and_with_their_own_times(china):
    path = await china.post("2026-11-25T09:00")

    await china.work_until("2026-11-25T10:10")
    await china.work_until("2026-11-25T10:10")

    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")]
    [clock] = [one for one in (await china.desk.get(f"{path}/clocks"))["items"] if one["target"] == "first_reply"]
    assert (clock["warned_at"], clock["breached_at"]) == ("2026-11-25T01:48:00Z", "2026-11-25T02:00:00Z")


async def test_a_reply_during_downtime_does_not_hide_a_breach(china):
    path = await china.post("2026-11-25T09:00")

    china.at("2026-11-25T10:05")
    await china.reply(path)
    await china.work()

    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")]
    [clock] = [one for one in (await china.desk.get(f"{path}/clocks"))["items"] if one["target"] == "first_reply"]
    assert (clock["status"], clock["ended_at"], clock["spent"]) == ("breached", "2026-11-25T02:05:00Z", "PT1H5M")


async def test_a_reply_in_time_ends_the_clock_and_the_next_is_due(china):
    path = await china.post("2026-11-25T09:00")
    china.at("2026-11-25T09:30")

    await china.reply(path)

    assert await china.clocks(path) == {"first_reply": "met", "resolution": "running"}
    assert await china.due(path) == "Wed 11-25 18:00"
    await china.work_until("2026-11-25T12:00")
    assert await china.told() == []


async def test_a_reply_at_the_very_moment_is_in_time(china):
    path = await china.post("2026-11-25T09:00")
    china.at("2026-11-25T10:00")

    await china.reply(path)

    assert (await china.clocks(path))["first_reply"] == "met"


@pytest.mark.parametrize("status", ["pending", "snoozed"])
async def test_clocks_stand_still_while_we_wait(china, status):
    path = await china.post("2026-11-25T09:00")
    china.at("2026-11-25T09:30")
    await china.change(path, status=status)
    assert await china.clocks(path) == {"first_reply": "paused", "resolution": "paused"}
    assert await china.due(path) is None
    await china.work_until("2026-11-25T11:00", "2026-11-26T09:00")
    assert await china.told() == []

    china.at("2026-11-26T11:00")
    await china.change(path, status="open")

    assert await china.due(path) == "Thu 11-26 11:30"  # half an hour was left
    await china.work_until("2026-11-26T11:18", "2026-11-26T11:30")
    assert await china.told() == [("approaching", "first_reply"), ("breached", "first_reply")]


async def test_who_asks_again_is_answered_again(china):
    path = await china.post("2026-11-25T09:00")
    await china.reply(path)
    await china.change(path, status="pending")
    china.at("2026-11-25T10:00")

    await china.change(path, status="open")  # the author has answered

    assert await china.clocks(path) == {"first_reply": "met", "next_reply": "running", "resolution": "running"}
    assert await china.due(path) == "Wed 11-25 12:00"
    china.at("2026-11-25T11:00")
    await china.reply(path)
    assert (await china.clocks(path))["next_reply"] == "met"


async def test_what_is_resolved_without_a_reply_waits_for_none(china):
    path = await china.post("2026-11-25T09:00")

    await china.change(path, status="resolved")

    assert await china.clocks(path) == {"first_reply": "cancelled", "resolution": "met"}
    assert await china.due(path) is None
    await china.work_until("2026-11-26T10:00")
    assert await china.told() == []


async def test_what_is_reopened_has_to_be_resolved_again(china):
    path = await china.post("2026-11-25T09:00")
    await china.reply(path)
    await china.change(path, status="resolved")
    china.at("2026-11-26T09:00")

    await china.change(path, status="open")

    assert await china.clocks(path) == {"first_reply": "met", "next_reply": "running", "resolution": "running"}
    kept = (await china.desk.get(f"{path}/clocks"))["items"]
    assert sorted(clock["status"] for clock in kept if clock["target"] == "resolution") == ["met", "running"]
    assert await china.due(path) == "Thu 11-26 11:00"


async def test_a_post_that_is_graded_up_is_held_to_the_stricter_policy(china):
    severe = [{"field": "data.severity", "op": "eq", "value": "s1"}]
    china.at("2026-11-24T09:00")
    await china.policy(name="severe", position=1, when=severe, first_reply="PT30M")
    path = await china.post("2026-11-25T09:00", body="A remark.")
    assert await china.due(path) == "Wed 11-25 10:00"
    china.at("2026-11-25T09:10")

    await china.change(path, severity="s1")

    assert await china.due(path) == "Wed 11-25 09:30"
    assert await china.clocks(path) == {"first_reply": "running", "resolution": "cancelled"}


async def test_replies_at_once_end_one_clock(china):
    path = await china.post("2026-11-25T09:00")

    await asyncio.gather(*(china.reply(path) for _ in range(5)))

    assert await china.clocks(path) == {"first_reply": "met", "resolution": "running"}
    assert len((await china.desk.get(f"{path}/clocks"))["items"]) == 2


async def test_a_calendar_that_clocks_go_by_stays(china):
    await china.post("2026-11-25T09:00")
    calendar = f"/v1/calendars/{china.policy_made['calendar_id']}"

    answer = await china.desk.client.delete(calendar, headers=china.desk.agent)

    assert (answer.status_code, answer.json()["title"]) == (409, "Conflict")
    assert (await china.desk.get(calendar))["name"] == "客服"
