"""Service levels over HTTP: posts are taken up, what came of promises is counted, and who may see that."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.db import Context
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.app import SERVICE
from opsloop_feedback.routing_rules.consumers import DESK


async def test_who_replies_before_the_worker_has_heard_of_a_post_is_measured_all_the_same(china):
    china.at("2026-11-25T09:00")
    path = f"/v1/feedback/{(await china.desk.post())['id']}"
    china.at("2026-11-25T09:20")

    await china.reply(path)
    china.at("2026-11-25T12:00")
    await china.work()

    assert await china.clocks(path) == {"first_reply": "met", "resolution": "running"}
    assert await china.told() == []


async def test_a_post_is_taken_up_once_however_often_and_late_it_is_heard(china):
    path = await china.post("2026-11-25T09:00")
    [event] = await china.received()
    again = event.model_copy(update={"id": uuid4()})
    gone = make_event(FeedbackReceived.model_validate(event.data | {"feedback_id": str(uuid4())}))

    await deliver(china.desk.api.db, DESK, again, gone, event)

    assert len((await china.desk.get(f"{path}/clocks"))["items"]) == 2


async def test_posts_are_taken_up_in_any_order_and_poison_leaves_nothing(china):
    china.at("2026-11-25T09:00")
    made = [await china.desk.post(body=f"post {number}") for number in range(3)]
    events = await china.received()
    poison = events[0].model_copy(update={"id": uuid4(), "data": {"feedback_id": "no id"}})

    with pytest.raises(ValueError, match="feedback_id"):
        await deliver(china.desk.api.db, DESK, poison)
    await deliver(china.desk.api.db, DESK, *reversed(events))

    for one in made:
        assert await china.due(f"/v1/feedback/{one['id']}") == "Wed 11-25 10:00"


async def test_the_report_equals_a_count_by_hand(china):
    severe = [{"field": "data.severity", "op": "eq", "value": "s1"}]
    china.at("2026-11-24T09:00")
    await china.policy(name="severe", position=1, when=severe, first_reply="PT1H")
    answered_after = {"calm": (10, 20, 70, None), "severe": (30, 90)}
    paths = []
    for kind, minutes in answered_after.items():
        for after in minutes:
            body = "支付失败，而且重复扣款两次" if kind == "severe" else "A remark."
            paths.append((after, await china.post("2026-11-25T09:00", body=body)))
    start = china.at("2026-11-25T09:00")
    for after, path in sorted((after, path) for after, path in paths if after):
        china.desk.api.clock.set(start + timedelta(minutes=after))
        await china.work()
        await china.reply(path)
    china.at("2026-11-25T12:00")
    await china.work()
    await china.change(paths[0][1], status="resolved", team="Payments")
    china.at("2026-11-25T12:01")

    report = await china.desk.get("/v1/reports/sla", **{"from": "2026-11-25T00:00:00Z"})

    rows = {(row["group"], row["target"]): (row["met"], row["breached"]) for row in report["rows"]}
    assert rows == {
        ("severe", "first_reply"): (1, 1),
        ("standard", "first_reply"): (2, 2),
        ("standard", "resolution"): (1, 0),
    }
    assert {row["target"]: row["compliance"] for row in report["total"]} == {"first_reply": 0.5, "resolution": 1.0}
    [standard] = [row for row in report["rows"] if (row["group"], row["target"]) == ("standard", "first_reply")]
    assert standard["median_seconds"] == 15 * 60
    by_team = await china.desk.get("/v1/reports/sla", by="team")
    assert [(row["group"], row["met"]) for row in by_team["rows"] if row["target"] == "resolution"] == [("Payments", 1)]
    by_severity = await china.desk.get("/v1/reports/sla", by="severity")
    assert sum(row["met"] + row["breached"] for row in by_severity["rows"]) == 7
    before = await china.desk.get("/v1/reports/sla", to="2026-11-25T00:00:00Z")
    assert (before["rows"], before["total"]) == ([], [])


async def test_a_breach_counts_on_the_day_it_was_due(china):
    path = await china.post("2026-11-25T17:30")
    china.at("2026-11-30T09:00")
    await china.reply(path)

    day = {"from": "2026-11-25T16:00:00Z", "to": "2026-11-26T16:00:00Z"}
    report = await china.desk.get("/v1/reports/sla", **day)

    assert [(row["target"], row["breached"]) for row in report["total"]] == [("first_reply", 1), ("resolution", 1)]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-25T00:00:00Z", "to": "2026-11-25T00:00:00Z"},
        {"from": "2024-11-25T00:00:00Z", "to": "2026-11-25T00:00:00Z"},
        {"by": "colour"},
        {"from": "yesterday"},
    ],
)
async def test_a_report_of_no_period_is_refused(clockwork, query):
    assert (await clockwork.desk.get("/v1/reports/sla", 422, **query))["errors"]


async def test_nobody_sees_clocks_of_another_workspace(china):
    path = await china.post("2026-11-25T09:00")
    theirs = await china.desk.api.key(workspace="other")

    assert (await china.desk.client.get(f"{path}/clocks", headers=theirs)).status_code == 404
    assert (await china.desk.client.get(f"{path}/clocks")).status_code == 401
    assert (await china.desk.client.get("/v1/reports/sla", headers=theirs)).json()["rows"] == []
    submitter = await china.desk.api.key("feedback:submit")
    assert (await china.desk.client.get("/v1/reports/sla", headers=submitter)).status_code == 403


async def test_looking_at_a_post_that_is_gone_does_nothing(china):
    path = await china.post("2026-11-25T09:00")
    async with china.desk.api.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("DELETE FROM feedback"))
    china.at("2026-11-25T10:00")

    await run_due(china.desk.api.db, SERVICE.due)

    assert await china.told() == []
    await china.desk.get(path, 404)


async def test_of_a_workspace_without_policies_nothing_is_read_or_locked(clockwork):
    path = await clockwork.post("2026-11-25T09:00")
    before = (await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"]

    await clockwork.work()

    assert (await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"] == before
    assert await clockwork.clocks(path) == {}


async def test_a_thousand_posts_are_taken_up_together(china):
    china.at("2026-11-25T09:00")
    items = [{"body": f"post {number}", "channel": "api", "external_id": str(number)} for number in range(1_000)]
    answer = await china.desk.client.post("/v1/feedback:batch", json={"items": items}, headers=china.desk.agent)
    assert answer.status_code == 200, answer.text

    assert await deliver(china.desk.api.db, DESK, *await china.received()) == 1_000

    found = await china.desk.get("/v1/feedback", due_before="2026-11-25T02:00:01Z", limit=200)
    assert {one["due_at"] for one in found["items"]} == {"2026-11-25T02:00:00Z"}
    china.at("2026-11-25T10:00")
    await run_due(china.desk.api.db, SERVICE.due)
    assert (await china.told()).count(("breached", "first_reply")) == 1_000


async def test_the_edges_of_a_period_are_its_first_moment_and_not_its_last(china):
    path = await china.post("2026-11-25T09:00")
    china.at("2026-11-25T09:30")
    await china.reply(path)
    china.at("2026-11-25T10:00")
    met = "2026-11-25T01:30:00Z"

    within = await china.desk.get("/v1/reports/sla", **{"from": met, "to": "2026-11-25T01:30:00.000001Z"})
    after = await china.desk.get("/v1/reports/sla", **{"from": "2026-11-25T01:30:00.000001Z"})
    before = await china.desk.get("/v1/reports/sla", **{"from": "2026-11-25T01:00:00Z", "to": met})

    assert [len(found["rows"]) for found in (within, after, before)] == [1, 0, 0]
    assert (within["from"], within["by"]) == (met, "policy")


@pytest.mark.parametrize("by", ["policy", "team", "severity"])
async def test_however_it_is_divided_it_adds_up_to_the_same(china, by):
    paths = [
        await china.post("2026-11-25T09:00", body=body) for body in ("支付失败，扣款两次", "A remark.", "App crashes")
    ]
    await china.change(paths[0], team="支付组")
    china.at("2026-11-25T09:20")
    await china.reply(paths[0])
    await china.work_until("2026-11-25T10:30")
    await china.reply(paths[1])

    report = await china.desk.get("/v1/reports/sla", by=by)

    for total in report["total"]:
        own = [row for row in report["rows"] if row["target"] == total["target"]]
        assert sum(row["met"] for row in own) == total["met"]
        assert sum(row["breached"] for row in own) == total["breached"]
    assert [(total["met"], total["breached"]) for total in report["total"]] == [(1, 2)]


async def test_posts_without_a_team_are_a_group_of_their_own_and_the_last(china):
    ours, nobodys = [await china.post("2026-11-25T09:00") for _ in range(2)]
    await china.change(ours, team="支付组")
    china.at("2026-11-25T09:20")
    for path in (ours, nobodys):
        await china.reply(path)
    china.at("2026-11-25T09:21")

    report = await china.desk.get("/v1/reports/sla", by="team")

    assert [(row["group"], row["met"], row["compliance"]) for row in report["rows"]] == [
        ("支付组", 1, 1.0),
        (None, 1, 1.0),
    ]


async def test_what_was_cancelled_or_still_runs_is_in_no_number(china):
    path = await china.post("2026-11-25T09:00")
    await china.post("2026-11-25T09:00")
    await china.change(path, status="closed")
    china.at("2026-11-25T09:30")

    report = await china.desk.get("/v1/reports/sla")

    assert [(row["target"], row["met"], row["breached"]) for row in report["rows"]] == [("resolution", 1, 0)]


async def test_a_report_looks_thirty_days_back_unless_it_is_told(china):
    report = await china.desk.get("/v1/reports/sla", to="2026-11-25T00:00:00Z")

    assert (report["from"], report["to"]) == ("2026-10-26T00:00:00Z", "2026-11-25T00:00:00Z")
