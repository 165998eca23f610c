"""Bulk changes beside everything else that happens to posts: clocks, colleagues, the audit log, large numbers, and crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.due.errors import GaveWay
from opsloop_common.ids import uuid7
from opsloop_common.testing.due import run_due
from opsloop_feedback.app import SERVICE
from opsloop_feedback.bulk_changes import rules, service
from opsloop_feedback.bulk_changes.rules import BulkOutcome
from opsloop_feedback.filters.rules import Filters
from opsloop_feedback.items import queries as posts_read

ACME = Context("acme")
PATH = "/v1/feedback:bulk"
FILL = (
    "INSERT INTO feedback (id, workspace, status, body, kind, severity, sentiment, triage, channel, source, author_verified, tags, "
    "attributes, occurred_at, created_at, updated_at, search_text, affected_users) SELECT id, :workspace, 'new', 'x', 'other', 's4', 0, "
    "CAST(:triage AS jsonb), 'api', 'bench', true, '{}', '{}', now(), now(), now(), 'x', 1 FROM unnest(CAST(:ids AS uuid[])) AS id"
)
TRIAGE = '{"engine": "t", "kind": "other", "severity": "s4", "sentiment": 0, "language": "en", "reasons": []}'
LABELS = st.none() | st.sampled_from(["a", "b"])
TAGS = st.lists(st.sampled_from(["ios", "vip", "new"]), unique=True)
STATUSES = st.sampled_from(["new", "open", "pending", "snoozed", "resolved", "closed"])
POSTS = st.fixed_dictionaries(
    {
        "status": STATUSES,
        "assignee": LABELS,
        "team": LABELS,
        "severity": st.sampled_from(["s1", "s4"]),
        "area": LABELS,
        "kind": st.sampled_from(["bug", "idea"]),
        "tags": TAGS,
    }
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUSES.filter(lambda status: status != "new"),
        "assignee": LABELS,
        "team": LABELS,
        "severity": st.sampled_from(["s1", "s4"]),
        "area": LABELS,
        "kind": st.sampled_from(["bug", "idea"]),
        "add_tags": TAGS,
        "remove_tags": TAGS,
    },
)


@given(POSTS, CHANGES)
def test_undoing_what_was_done_is_doing_nothing(post, changes):
    decision = rules.decide(changes, post)
    before = {name: post[name] for name in decision.changes}
    changed = post | decision.changes

    back = rules.restored(before, decision.changes, changed)

    assert changed | back.changes == post
    assert back.kept == []
    assert decision.refusal is None or not decision.changes


@given(POSTS, CHANGES, POSTS)
def test_undoing_touches_no_field_that_the_bulk_change_did_not_make_so(post, changes, since):
    decision = rules.decide(changes, post)
    before = {name: post[name] for name in decision.changes}

    back = rules.restored(before, decision.changes, since)

    assert back.changes.keys() | set(back.kept) == before.keys()
    for name, value in back.changes.items():
        assert (since[name], value) == (decision.changes[name], post[name])
    assert all(since[name] != decision.changes[name] for name in back.kept)


@given(POSTS, CHANGES)
def test_a_second_time_changes_nothing(post, changes):
    once = rules.decide(changes, post)
    again = rules.decide(changes, post | once.changes)

    tagged = set(changes.get("add_tags", ())) & set(changes.get("remove_tags", ()))
    assert again.refusal == once.refusal
    assert not again.changes or tagged


async def ask(desk, expect=201, headers=None, **body):
    answer = await desk.client.post(PATH, json=body, headers=desk.agent | (headers or {}))
    assert answer.status_code == expect, answer.text
    return answer


async def shown(desk, made):
    return await desk.get(f"/v1/bulk-changes/{made['id']}")


async def work(desk):
    return await run_due(desk.api.db, SERVICE.due)


async def undo(desk, made):
    answer = await desk.client.post(f"/v1/bulk-changes/{made['id']}/undo", headers=desk.agent)
    assert answer.status_code == 200, answer.text
    await work(desk)


async def test_clocks_stop_with_what_is_resolved_and_go_on_when_it_is_undone(china):
    path = await china.post("2026-11-25T09:00")
    china.at("2026-11-25T09:30")
    made = (await ask(china.desk, filters={}, changes={"status": "resolved"})).json()
    await china.work()
    stopped = await china.clocks(path)
    assert "running" not in stopped.values()

    china.at("2026-11-25T10:00")
    await undo(china.desk, made)

    post = await china.desk.get(path)
    assert (post["status"], post["resolved_at"]) == ("new", None)
    assert "running" in (await china.clocks(path)).values()
    assert (await china.desk.types()).count("feedback.reopened") == 1


async def test_the_audit_log_says_who_asked_and_nothing_of_anybodys_words(desk):
    await desk.post()
    made = (await ask(desk, filters={"text": "export"}, changes={"assignee": "ann", "team": "秘密"})).json()
    await work(desk)
    await undo(desk, made)

    log = await desk.client.get("/v1/audit", headers=await desk.api.key("feedback:admin"))
    told = [entry for entry in log.json()["items"] if entry["subject"] == f"bulk_change/{made['id']}"]
    assert {entry["action"] for entry in told} >= {"bulk_change.created", "bulk_change.undone"}
    assert "秘密" not in str(told)
    assert "export" not in str(told)


async def test_what_is_asked_twice_with_one_key_is_one_bulk_change(desk):
    await desk.post()
    keyed = {"Idempotency-Key": "once"}

    first = await ask(desk, headers=keyed, filters={}, changes={"assignee": "ann"})
    again = await ask(desk, headers=keyed, filters={}, changes={"assignee": "ann"})

    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert first.headers["location"].endswith(f"bulk-changes/{first.json()['id']}")
    assert len((await desk.get("/v1/bulk-changes"))["items"]) == 1


async def fill(desk, workspace, count):
    ids = [uuid7() for _ in range(count)]
    async with desk.api.db.transaction(Context(workspace)) as session:
        await session.execute(text(FILL), {"workspace": workspace, "ids": ids, "triage": TRIAGE})
    return ids


async def test_hundreds_of_posts_are_changed_in_portions_and_listed_by_pages(desk):
    await fill(desk, "acme", 230)
    made = (await ask(desk, filters={"status": ["new"]}, changes={"status": "closed"})).json()

    await work(desk)

    found = await shown(desk, made)
    assert (found["stage"], found["changed"]) == ("changed", 230)
    first = await desk.get(f"/v1/bulk-changes/{made['id']}/posts", limit=200, outcome="changed")
    rest = await desk.get(
        f"/v1/bulk-changes/{made['id']}/posts", limit=200, outcome="changed", cursor=first["next_cursor"]
    )
    numbers = [each["number"] for each in first["items"] + rest["items"]]
    assert numbers == sorted(numbers)
    assert len(numbers) == 230
    other = await desk.get(
        f"/v1/bulk-changes/{made['id']}/posts", expect=422, limit=200, outcome="refused", cursor=first["next_cursor"]
    )
    assert other["errors"][0]["pointer"] == "/query/cursor"
    await undo(desk, made)
    assert (await shown(desk, made))["undone"] == 230
    assert (await desk.get("/v1/feedback", facets="status", limit=1))["facets"]["status"]["counts"] == [
        {"value": "new", "count": 230}
    ]


async def test_a_preview_looks_at_so_many(desk, monkeypatch):
    monkeypatch.setattr(limits, "BULK_PREVIEW_POSTS", 3)
    await fill(desk, "acme", 5)

    answer = await desk.client.post(
        "/v1/feedback:bulk-preview", json={"filters": {}, "changes": {"kind": "bug"}}, headers=desk.agent
    )

    found = answer.json()
    assert (found["looked_at"], found["is_whole"], found["would_change"]) == (3, False, 3)


async def test_an_undoing_that_was_killed_goes_on_and_puts_nothing_back_twice(desk, monkeypatch):
    await fill(desk, "acme", 7)
    monkeypatch.setattr(service, "PORTION", 2)
    made = (await ask(desk, filters={}, changes={"assignee": "ann"})).json()
    await work(desk)
    portion, calls = service._undo_portion, []

    async def dies(run):
        calls.append(dict(run.state))
        if len(calls) == 2:
            raise GaveWay
        return await portion(run)

    monkeypatch.setattr(service, "_undo_portion", dies)
    await undo(desk, made)

    found = await shown(desk, made)
    assert (found["stage"], found["undone"], found["skipped"]) == ("undone", 7, 0)
    assert calls[1] == calls[2]
    assert (await desk.types()).count("feedback.assigned") == 14


async def test_what_a_colleague_changes_between_portions_is_asked_again(desk, monkeypatch):
    ids = await fill(desk, "acme", 4)
    monkeypatch.setattr(service, "PORTION", 2)
    made = (await ask(desk, filters={"status": ["new"]}, changes={"assignee": "ann"})).json()
    portion, calls = service._change_portion, []

    async def meanwhile(run):
        calls.append(run)
        if len(calls) == 2:
            await desk.patch(str(ids[3]), status="open")
        return await portion(run)

    monkeypatch.setattr(service, "_change_portion", meanwhile)
    await work(desk)

    assert (await shown(desk, made))["changed"] == 3
    assert (await desk.get(f"/v1/feedback/{ids[3]}"))["assignee"] is None


async def test_a_merged_post_is_labelled_and_never_moved(desk):
    one, other = [(await desk.post(body=f"post {n}"))["id"] for n in range(2)]
    merged = await desk.client.post(f"/v1/feedback/{one}/merge", json={"into": other}, headers=desk.agent)
    assert merged.status_code == 200
    labelled = (await ask(desk, filters={}, changes={"team": "pay"})).json()
    moved = (await ask(desk, filters={}, changes={"status": "closed"})).json()

    await work(desk)

    assert (await shown(desk, labelled))["changed"] == 2
    assert ((await shown(desk, moved))["changed"], (await shown(desk, moved))["refused"]) == (1, 1)
    assert (await desk.get(f"/v1/feedback/{one}"))["status"] == "merged"
    await undo(desk, labelled)
    [kept] = (await desk.get(f"/v1/bulk-changes/{labelled['id']}/posts", outcome="skipped"))["items"]
    assert (kept["feedback_id"], kept["outcome"]) == (one, BulkOutcome.SKIPPED)


async def test_posts_are_walked_by_the_numbers_of_the_workspace(desk):
    for workspace in ("acme", "neighbour"):
        await fill(desk, workspace, 2_000)
    async with desk.api.db.transaction(ACME) as session:
        await session.execute(text("SET LOCAL role NONE"))
        await session.execute(text("ANALYZE feedback"))
    async with desk.api.db.transaction(ACME) as session:
        first = await posts_read.numbers_matching(session, Filters(), limit=50)
        explained = await session.execute(
            text(
                "EXPLAIN SELECT number, id FROM feedback WHERE workspace = 'acme' AND number > 1000 AND status IN ('new') "
                "ORDER BY number LIMIT 50"
            )
        )
        plan = "\n".join(line for (line,) in explained)

    assert len(first) == 50
    assert "uq_feedback_workspace" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


async def test_neighbours_see_no_row_of_it(desk):
    await desk.post()
    await ask(desk, filters={}, changes={"assignee": "ann"})
    await work(desk)

    for table in ("bulk_change", "bulk_change_post"):
        async with desk.api.db.transaction(Context("other")) as session:
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        async with desk.api.db.transaction(ACME) as session:
            assert await session.scalar(text(f"SELECT count(*) FROM {table}")) == 1


@pytest.mark.parametrize("what", ["cancel", "undo"])
async def test_what_there_is_not_is_neither_stopped_nor_undone(desk, what):
    answer = await desk.client.post(f"/v1/bulk-changes/{uuid7()}/{what}", headers=desk.agent)

    assert answer.status_code == 404


async def test_what_is_told_of_each_post_is_what_a_single_change_tells(desk):
    post = await desk.post()
    changes = {"severity": "s1", "kind": "bug", "add_tags": ["refund"], "team": "pay", "status": "resolved"}
    await ask(desk, ids=[post["id"]], changes=changes)
    await work(desk)

    events = {event.type: event.data for event in await desk.public() if event.data.get("feedback_id") == post["id"]}
    assert events["feedback.classified"]["tags"] == ["refund"]
    assert set(events["feedback.classified"]["changed"]) <= {"kind", "severity", "tags"}
    assert events["feedback.assigned"]["team"] == "pay"
    assert "feedback.resolved" in events
    shown_now = await desk.get(f"/v1/feedback/{post['id']}")
    assert (shown_now["status"], shown_now["version"]) == ("resolved", 2)


@pytest.mark.parametrize("ids", [[], ["x"], None])
async def test_no_ids_are_no_bulk_change(desk, ids):
    answer = await ask(desk, expect=422, ids=ids, changes={"team": "pay"})

    assert answer.json()["errors"]
