"""Bulk changes: tried, done by a job with each event once, cancelled, resumed, and undone exactly where nobody changed anything since."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.due.errors import GaveWay
from opsloop_common.errors import Invalid
from opsloop_common.testing.due import run_due
from opsloop_feedback.app import SERVICE
from opsloop_feedback.bulk_changes import rules, service
from opsloop_feedback.bulk_changes.rules import BulkOutcome, Decision, Restored

PATH = "/v1/feedback:bulk"
POST = {
    "status": "open",
    "assignee": None,
    "team": "pay",
    "severity": "s3",
    "area": None,
    "kind": "bug",
    "tags": ["ios", "new"],
}


@pytest.mark.parametrize(
    ("changes", "decision"),
    [
        ({"status": "resolved", "team": "pay"}, Decision({"status": "resolved"})),
        ({"team": None, "assignee": "ann"}, Decision({"assignee": "ann", "team": None})),
        ({"add_tags": ["vip", "ios"], "remove_tags": ["new"]}, Decision({"tags": ["ios", "vip"]})),
        ({"severity": "s3", "kind": "bug", "area": None}, Decision({})),
        ({"add_tags": [str(n) for n in range(50)]}, Decision({}, "tags")),
    ],
)
def test_what_a_bulk_change_makes_of_a_post(changes, decision):
    assert rules.decide(changes, POST) == decision


@pytest.mark.parametrize(("status", "wanted"), [("closed", "pending"), ("merged", "open"), ("resolved", "snoozed")])
def test_a_post_is_changed_wholly_or_not_at_all(status, wanted):
    assert rules.decide({"status": wanted, "assignee": "ann"}, POST | {"status": status}) == Decision({}, "status")


@pytest.mark.parametrize(
    ("post", "restored", "outcome"),
    [
        ({}, Restored({"assignee": None, "tags": ["ios"]}, []), BulkOutcome.UNDONE),
        ({"assignee": "zoe"}, Restored({"tags": ["ios"]}, ["assignee"]), BulkOutcome.PARTLY_UNDONE),
        ({"assignee": "zoe", "tags": []}, Restored({}, ["assignee", "tags"]), BulkOutcome.SKIPPED),
        ({"status": "merged"}, Restored({}, ["assignee", "tags"]), BulkOutcome.SKIPPED),
        ({"severity": "s1"}, Restored({"assignee": None, "tags": ["ios"]}, []), BulkOutcome.UNDONE),
    ],
)
def test_undoing_leaves_what_somebody_changed_since(post, restored, outcome):
    before, after = {"assignee": None, "tags": ["ios"]}, {"assignee": "ann", "tags": ["ios", "vip"]}

    found = rules.restored(before, after, POST | {"assignee": "ann", "tags": ["ios", "vip"]} | post)

    assert found == restored
    assert found.outcome == outcome


@pytest.mark.parametrize("changes", [{}, {"add_tags": []}, {"add_tags": [], "remove_tags": []}])
def test_a_bulk_change_changes_something(changes):
    with pytest.raises(Invalid):
        rules.require_change(changes)
    rules.require_change(changes | {"team": None})


class Bulk:
    """The desk, changing many posts."""

    def __init__(self, desk):
        self.desk = desk

    async def ask(self, path=PATH, expect=201, headers=None, **body):
        answer = await self.desk.client.post(path, json=body, headers=headers or self.desk.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def work(self):
        await run_due(self.desk.api.db, SERVICE.due)

    async def shown(self, made):
        return await self.desk.get(f"/v1/bulk-changes/{made['id']}")

    async def posts(self, made, **params):
        return (await self.desk.get(f"/v1/bulk-changes/{made['id']}/posts", **params))["items"]

    async def act(self, made, what, expect=200):
        return await self.ask(f"/v1/bulk-changes/{made['id']}/{what}", expect=expect)

    async def items(self):
        found = (await self.desk.get("/v1/feedback", limit=200, sort="created"))["items"]
        return [{name: each[name] for name in ("id", *rules.FIELDS)} for each in found]


@pytest.fixture
def bulk(desk):
    return Bulk(desk)


@pytest.fixture
async def six(desk, bulk):
    made = [await desk.post(body=f"post {n}", tags=["ios"] if n % 2 else []) for n in range(6)]
    await desk.patch(made[0]["id"], status="closed")
    await desk.patch(made[1]["id"], status="resolved", team="pay")
    return made


async def test_a_preview_says_what_would_be_and_keeps_nothing(desk, bulk, six):
    before = await bulk.items()
    body = {"filters": {}, "changes": {"status": "pending", "add_tags": ["ios"]}}

    found = await bulk.ask("/v1/feedback:bulk-preview", expect=200, **body)

    assert (found["looked_at"], found["is_whole"]) == (6, True)
    assert (found["would_change"], found["would_stay"], found["refused"]) == (4, 0, {"status": 2})
    assert [each["refusal"] for each in found["sample"]] == ["status"] * 2 + [None] * 4
    assert found["sample"][2]["changes"] == {"status": "pending", "tags": ["ios"]}
    assert await bulk.items() == before
    assert (await desk.get("/v1/bulk-changes"))["items"] == []


async def test_a_job_changes_all_that_the_filters_leave_and_tells_of_each_once(desk, bulk, six):
    made = await bulk.ask(filters={"status": ["new"]}, changes={"assignee": "ann", "severity": "s1", "status": "open"})
    assert made["stage"] == "changing"
    await desk.post(body="came later")
    await bulk.work()

    shown = await bulk.shown(made)
    assert (shown["stage"], shown["changed"], shown["refused"]) == ("changed", 4, 0)
    items = await bulk.items()
    assert [each["assignee"] for each in items] == [None, None, "ann", "ann", "ann", "ann", None]
    types = await desk.types()
    assert types.count("feedback.assigned") == 1 + 4
    assert types.count("feedback.classified") == 4
    job = await desk.get(f"/v1/jobs/{made['job_id']}")
    assert (job["status"], job["done"]) == ("succeeded", 4)
    posts = await bulk.posts(made)
    assert [each["outcome"] for each in posts] == ["changed"] * 4
    assert posts[0]["before"] == {"status": "new", "assignee": None, "severity": "s4"}


async def test_undoing_restores_exactly_and_leaves_what_people_changed_since(desk, bulk, six):
    before = await bulk.items()
    made = await bulk.ask(
        filters={}, changes={"status": "closed", "team": "later", "add_tags": ["old"], "kind": "idea"}
    )
    await bulk.work()
    assert [each["team"] for each in await bulk.items()] == ["later"] * 6
    await desk.patch(six[2]["id"], team="urgent")
    await desk.patch(six[3]["id"], status="open", team=None, tags=[], kind="bug")

    assert (await bulk.act(made, "undo"))["stage"] == "undoing"
    await bulk.work()

    shown = await bulk.shown(made)
    assert (shown["stage"], shown["changed"], shown["undone"], shown["skipped"]) == ("undone", 6, 5, 1)
    after = await bulk.items()
    assert [after[n] for n in (0, 1, 4, 5)] == [before[n] for n in (0, 1, 4, 5)]
    assert after[2] == before[2] | {"team": "urgent"}
    assert after[3] == before[3] | {"status": "open", "team": None, "tags": [], "kind": "bug"}
    assert [each["outcome"] for each in await bulk.posts(made)] == [
        "undone",
        "undone",
        "partly_undone",
        "skipped",
        "undone",
        "undone",
    ]
    [part] = await bulk.posts(made, outcome="partly_undone")
    assert (part["feedback_id"], part["kept"]) == (six[2]["id"], ["team"])
    assert (await bulk.act(made, "undo"))["stage"] == "undone", "again changes nothing"
    assert not await run_due(desk.api.db, SERVICE.due)


async def test_what_may_not_be_is_refused_by_post_with_its_reason(desk, bulk, six):
    ids = [each["id"] for each in six[:3]]

    made = await bulk.ask(ids=[*ids, str(uuid4())], changes={"status": "snoozed", "team": "x"})
    await bulk.work()

    assert ((await bulk.shown(made))["changed"], (await bulk.shown(made))["refused"]) == (1, 2)
    refused = await bulk.posts(made, outcome="refused")
    assert [(each["feedback_id"], each["reason"]) for each in refused] == [(ids[0], "status"), (ids[1], "status")]
    assert [each["team"] for each in await bulk.items()] == [None, "pay", "x", None, None, None]


async def test_a_run_that_was_killed_goes_on_and_changes_nothing_twice(desk, bulk, six, monkeypatch):
    monkeypatch.setattr(service, "PORTION", 2)
    made = await bulk.ask(filters={}, changes={"assignee": "ann"})
    portion, calls = service._change_portion, []

    async def dies(run):
        calls.append(run.state)
        if len(calls) == 3:
            raise GaveWay
        return await portion(run)

    monkeypatch.setattr(service, "_change_portion", dies)
    await bulk.work()

    shown = await bulk.shown(made)
    assert (shown["stage"], shown["changed"]) == ("changed", 6)
    assert (await desk.types()).count("feedback.assigned") == 1 + 6
    assert calls[2] == calls[3], "it goes on from where it stood"


async def test_a_portion_and_how_far_it_is_stand_or_fall_together(desk, bulk, six, monkeypatch):
    made = await bulk.ask(filters={}, changes={"assignee": "ann"})

    async def breaks(self, *given, **named):
        raise RuntimeError("the machine stopped")

    with monkeypatch.context() as patch:
        patch.setattr("opsloop_common.due.jobs.JobRun.progress", breaks)
        with pytest.raises(RuntimeError):
            await bulk.work()
    assert {each["assignee"] for each in await bulk.items()} == {None}
    assert (await bulk.shown(made))["changed"] == 0


async def test_who_cancels_keeps_what_was_changed_and_may_undo_it(desk, bulk, six):
    made = await bulk.ask(filters={}, changes={"assignee": "ann"})

    assert (await bulk.act(made, "cancel"))["stage"] == "cancelled"
    await bulk.work()
    assert {each["assignee"] for each in await bulk.items()} == {None}
    await bulk.act(made, "cancel", expect=409)
    await bulk.act(made, "undo")
    await bulk.work()
    assert (await bulk.shown(made))["stage"] == "undone"


async def test_what_is_under_way_is_not_undone(bulk, six):
    made = await bulk.ask(filters={}, changes={"assignee": "ann"})

    await bulk.act(made, "undo", expect=409)


async def test_posts_of_neighbours_are_left_alone(desk, bulk, six):
    theirs = await desk.api.key("feedback:read", "feedback:write", workspace="other")
    made = await bulk.ask(headers=theirs, ids=[each["id"] for each in six], changes={"assignee": "eve"})
    await bulk.work()

    assert {each["assignee"] for each in await bulk.items()} == {None}
    for path in ("", "/posts"):
        answer = await desk.client.get(f"/v1/bulk-changes/{made['id']}{path}", headers=desk.agent)
        assert answer.status_code == 404


async def test_a_workspace_has_so_many_under_way(bulk, six, monkeypatch):
    monkeypatch.setattr(limits, "BULK_CHANGES_AT_ONCE", 1)
    await bulk.ask(filters={}, changes={"assignee": "ann"})

    await bulk.ask(expect=409, filters={}, changes={"assignee": "ann"})
    await bulk.work()
    await bulk.ask(filters={}, changes={"assignee": "ann"})


@pytest.mark.parametrize(
    "body",
    [
        {"changes": {"assignee": "ann"}},
        {"filters": {}, "ids": [str(UUID(int=1))], "changes": {"assignee": "ann"}},
        {"filters": {}, "changes": {}},
        {"filters": {}, "changes": {"add_tags": []}},
        {"filters": {}, "changes": {"status": "new"}},
        {"filters": {}, "changes": {"status": None}},
        {"filters": {}, "changes": {"body": "x"}},
        {"ids": [], "changes": {"assignee": "ann"}},
        {"ids": [str(UUID(int=1))] * 1_001, "changes": {"assignee": "ann"}},
        {"ids": ["x"], "changes": {"assignee": "ann"}},
    ],
)
async def test_what_is_no_bulk_change_is_refused(bulk, body):
    for path in (PATH, "/v1/feedback:bulk-preview"):
        await bulk.ask(path, expect=422, **body)


async def test_who_may_only_read_tries_and_changes_nothing(desk, bulk, six):
    reader = await desk.api.key("feedback:read", name="reader")
    body = {"filters": {}, "changes": {"assignee": "ann"}}

    assert (await bulk.ask("/v1/feedback:bulk-preview", expect=200, headers=reader, **body))["would_change"] == 6
    await bulk.ask(expect=403, headers=reader, **body)


async def test_the_table_holds_to_its_stages(desk, bulk, six):
    await bulk.ask(filters={}, changes={"assignee": "ann"})

    with pytest.raises(Exception, match="ck_bulk_change_stage"):
        async with desk.api.db.transaction(Context("acme")) as session:
            await session.execute(text("UPDATE bulk_change SET stage = 'lost'"))
