"""Clocks of posts that are sorted anew, and what the database itself holds to."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from opsloop_common.db import Context

SEVERE = [{"field": "data.severity", "op": "eq", "value": "s1"}]


@pytest.fixture
async def two(china):
    """The standard policy on the Chinese calendar, and before it one for what is severe, round the clock."""
    china.at("2026-11-24T09:00")
    china.severe = await china.policy(name="severe", position=1, when=SEVERE, first_reply="PT30M", resolution="PT4H")
    return china


async def of_target(clockwork, path, target):
    found = (await clockwork.desk.get(f"{path}/clocks"))["items"]
    [clock] = [one for one in found if one["target"] == target]
    return clock


async def test_what_was_spent_stays_spent_and_the_calendar_is_the_new_one(two):
    path = await two.post("2026-11-25T11:50", body="A remark.")
    two.at("2026-11-25T13:00")  # at lunch: ten minutes were worked

    await two.change(path, severity="s1")

    clock = await of_target(two, path, "first_reply")
    assert (clock["policy"], clock["allowed"], clock["spent"]) == ("severe", "PT30M", "PT10M")
    assert await two.due(path) == "Wed 11-25 13:20"


async def test_who_has_spent_more_than_the_new_policy_allows_is_late_at_once(two):
    path = await two.post("2026-11-25T09:00", body="A remark.")
    two.at("2026-11-25T09:40")

    await two.change(path, severity="s1")
    await two.work()

    assert (await of_target(two, path, "first_reply"))["status"] == "breached"
    assert await two.told() == [("approaching", "first_reply"), ("breached", "first_reply")]


async def test_a_post_that_waits_is_held_to_the_new_policy_when_it_goes_on(two):
    path = await two.post("2026-11-25T09:00", body="A remark.")
    await two.change(path, status="pending")

    await two.change(path, severity="s1")
    assert (await of_target(two, path, "first_reply"))["status"] == "paused"
    two.at("2026-11-25T20:00")
    await two.change(path, status="open")

    assert await two.due(path) == "Wed 11-25 20:30"


async def test_what_is_breached_stays_with_its_policy(two):
    path = await two.post("2026-11-25T09:00", body="A remark.")
    two.at("2026-11-25T10:30")

    await two.change(path, severity="s1")

    clock = await of_target(two, path, "first_reply")
    assert (clock["policy"], clock["status"], clock["severity"]) == ("standard", "breached", "s1")
    assert (await of_target(two, path, "resolution"))["policy"] == "severe"


async def test_what_was_warned_of_is_not_warned_of_again(two):
    path = await two.post("2026-11-25T09:00", body="支付失败，而且重复扣款两次")
    await two.work_until("2026-11-25T09:24")

    await two.change(path, severity="s3")
    await two.work_until("2026-11-25T09:48", "2026-11-25T10:00")

    assert await two.told() == [("approaching", "first_reply"), ("breached", "first_reply")]
    assert (await of_target(two, path, "first_reply"))["due_at"] == "2026-11-25T02:00:00Z"


async def test_a_post_that_no_policy_fits_any_more_keeps_its_clocks(clockwork):
    clockwork.at("2026-11-24T09:00")
    await clockwork.policy(name="severe", when=SEVERE, first_reply="PT30M")
    path = await clockwork.post("2026-11-25T09:00", body="支付失败，而且重复扣款两次")

    await clockwork.change(path, severity="s4")

    assert await clockwork.due(path) == "Wed 11-25 09:30"


async def test_a_post_that_a_policy_fits_at_last_is_held_to_it_from_its_beginning(clockwork):
    clockwork.at("2026-11-24T09:00")
    await clockwork.policy(name="severe", when=SEVERE, first_reply="PT30M")
    path = await clockwork.post("2026-11-25T09:00", body="A remark.")
    assert await clockwork.clocks(path) == {}
    clockwork.at("2026-11-25T09:10")

    await clockwork.change(path, severity="s1")

    assert await clockwork.due(path) == "Wed 11-25 09:30"


@pytest.mark.parametrize("field", ["locale", "title", "assignee", "area"])
async def test_a_change_that_no_policy_asks_about_moves_nothing(two, field):
    path = await two.post("2026-11-25T09:00", body="A remark.")
    two.at("2026-11-25T09:10")
    before = (await two.desk.get(f"{path}/clocks"))["items"]

    await two.change(path, **{field: "zh-CN"})

    assert (await two.desk.get(f"{path}/clocks"))["items"] == before


async def test_a_time_that_somebody_set_stands_where_no_clock_runs(clockwork):
    path = await clockwork.post("2026-11-25T09:00")

    await clockwork.change(path, due_at="2026-11-26T01:00:00Z")
    await clockwork.change(path, status="open")

    assert await clockwork.due(path) == "Thu 11-26 09:00"


async def test_what_is_late_is_found_by_the_list(china):
    late = await china.post("2026-11-25T09:00")
    await china.post("2026-11-25T09:30")
    china.at("2026-11-25T10:00")

    found = await china.desk.get("/v1/feedback", due_before="2026-11-25T02:15:00Z")

    assert [one["id"] for one in found["items"]] == [late.rpartition("/")[2]]


async def test_a_snoozed_post_that_turns_pending_still_stands_still(china):
    path = await china.post("2026-11-25T09:00")
    await china.change(path, status="snoozed")

    await china.change(path, status="pending")

    assert await china.clocks(path) == {"first_reply": "paused", "resolution": "paused"}


async def test_a_post_is_opened_again_and_again(china):
    path = await china.post("2026-11-25T09:00")
    await china.reply(path)

    for _ in range(3):
        await china.change(path, status="closed")
        await china.change(path, status="open")

    found = (await china.desk.get(f"{path}/clocks"))["items"]
    open_ones = [clock for clock in found if clock["ended_at"] is None]
    assert sorted(clock["target"] for clock in open_ones) == ["next_reply", "resolution"]
    assert len(found) == 2 + 3 * 2


async def test_clocks_are_paged_newest_first(china):
    path = await china.post("2026-11-25T09:00")
    china.at("2026-11-25T09:10")
    await china.reply(path)
    await china.change(path, status="resolved")
    china.at("2026-11-25T09:20")
    await china.change(path, status="open")

    first = await china.desk.get(f"{path}/clocks", limit=3)
    rest = await china.desk.get(f"{path}/clocks", limit=3, cursor=first["next_cursor"])

    started = [clock["started_at"] for page in (first, rest) for clock in page["items"]]
    assert started == sorted(started, reverse=True)
    assert len(started) == 4


OPEN = (
    "INSERT INTO sla_clock SELECT (jsonb_populate_record(sla_clock, CAST(:changed AS jsonb))).* "
    "FROM sla_clock WHERE target = 'first_reply'"
)


@pytest.mark.parametrize(
    ("changed", "constraint"),
    [
        ('{"id": "01a20000-0000-7000-8000-000000000001"}', "uq_sla_clock_open"),
        ('{"target": "last_reply"}', "ck_sla_clock_target"),
        ('{"status": "late", "running_since": null}', "ck_sla_clock_status"),
        ('{"status": "paused"}', "ck_sla_clock_running"),
        ('{"status": "breached", "running_since": null}', "ck_sla_clock_breached"),
        ('{"status": "met", "running_since": null}', "ck_sla_clock_ended"),
    ],
)
async def test_the_database_holds_clocks_to_what_their_state_says(china, changed, constraint):
    await china.post("2026-11-25T09:00")

    with pytest.raises(IntegrityError) as refused:
        async with china.desk.api.db.transaction(Context(workspace="acme")) as session:
            await session.execute(text(OPEN), {"changed": changed})

    assert constraint in str(refused.value)
