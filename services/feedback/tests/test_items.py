"""Feedback is sorted, assigned, moved on and told of."""

import pytest
from sqlalchemy import text

from opsloop_common.access.tables import audit


async def test_a_change_bumps_the_version_and_tells_what_changed(desk):
    item = await desk.post(area="export")
    desk.api.clock.advance(60)

    changed = await desk.patch(item["id"], severity="s2", tags=["excel"], assignee="agent-1", team="core", title="导出")

    assert (changed["severity"], changed["tags"], changed["assignee"]) == ("s2", ["excel"], "agent-1")
    assert changed["updated_at"] == "2026-11-22T08:01:00Z"
    assert changed["triage"]["severity"] == "s3"
    received, classified, assigned = await desk.api.events()
    assert [received.sequence, classified.sequence, assigned.sequence] == [1, 2, 3]
    assert classified.type == "feedback.classified"
    assert classified.data["changed"] == ["severity", "tags"]
    assert (classified.data["severity"], classified.data["tags"], classified.data["area"]) == (
        "s2",
        ["excel"],
        "export",
    )
    assert assigned.type == "feedback.assigned"
    assert (assigned.data["assignee"], assigned.data["team"]) == ("agent-1", "core")


async def test_what_is_so_already_changes_nothing(desk):
    item = await desk.post(tags=["a"])

    same = await desk.patch(item["id"], status="new", tags=["a"], kind=item["kind"], sentiment=item["sentiment"])
    empty = await desk.patch(item["id"])

    assert same == empty == item
    assert await desk.types() == ["feedback.received"]


async def test_null_empties_a_field_that_may_be_empty_and_no_other(desk):
    item = await desk.post(title="t", area="a")
    await desk.patch(item["id"], assignee="x", due_at="2026-12-01T00:00:00+08:00")

    emptied = await desk.patch(item["id"], title=None, area=None, assignee=None, due_at=None)

    assert [emptied[name] for name in ("title", "area", "assignee", "due_at")] == [None] * 4
    for name in ("status", "kind", "severity", "sentiment", "tags"):
        assert (await desk.patch(item["id"], expect=422, **{name: None}))["errors"][0]["pointer"] == f"/{name}"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "lost"},
        {"sentiment": 1.1},
        {"sentiment": "0"},
        {"severity": "s5"},
        {"number": 7},
        {"body": "x"},
        {"due_at": "soon"},
        {"tags": [1]},
    ],
)
async def test_malformed_changes_are_refused(desk, fields):
    item = await desk.post()

    await desk.patch(item["id"], expect=422, **fields)

    assert await desk.types() == ["feedback.received"]


async def test_if_match_refuses_a_stale_version_before_an_illegal_state(desk):
    item = await desk.post()

    await desk.patch(item["id"], headers={"If-Match": '"1"'}, status="open")
    stale = await desk.patch(item["id"], expect=412, headers={"If-Match": '"1"'}, status="merged")
    await desk.patch(item["id"], headers={"If-Match": "*"}, status="pending")
    answer = await desk.client.get(f"/v1/feedback/{item['id']}", headers=desk.agent)

    assert stale["type"].endswith("stale_version")
    assert answer.headers["etag"] == '"3"'


ALLOWED = {
    "new": ["closed", "open", "pending", "resolved", "snoozed"],
    "open": ["closed", "pending", "resolved", "snoozed"],
    "pending": ["closed", "open", "resolved", "snoozed"],
    "snoozed": ["closed", "open", "pending", "resolved"],
    "resolved": ["closed", "open"],
    "closed": ["open"],
}


@pytest.mark.parametrize("status", ALLOWED)
async def test_only_the_table_of_transitions_is_allowed(desk, status):
    for wanted in (*ALLOWED, "merged"):
        item = await desk.post()
        if status != "new":
            await desk.patch(item["id"], status=status)
        if wanted == status:
            continue
        legal = wanted in ALLOWED[status]
        answer = await desk.patch(item["id"], expect=200 if legal else 409, status=wanted)
        if not legal:
            assert answer["allowed"] == ALLOWED[status]
            assert (await desk.get(f"/v1/feedback/{item['id']}"))["status"] == status


async def test_resolving_and_reopening_are_told_with_their_times(desk):
    item = await desk.post(author={"user_id": "u1"})
    desk.api.clock.advance(90)

    resolved = await desk.patch(item["id"], status="resolved")
    reopened = await desk.patch(item["id"], status="open")
    desk.api.clock.advance(10)
    await desk.patch(item["id"], status="closed")
    await desk.patch(item["id"], status="open")

    assert resolved["resolved_at"] == "2026-11-22T08:01:30Z"
    assert reopened["resolved_at"] is None
    events = await desk.api.events()
    assert [event.type for event in events] == [
        "feedback.received",
        "feedback.resolved",
        "feedback.reopened",
        "feedback.reopened",
    ]
    assert events[1].data["resolution_seconds"] == 90
    assert {event.data["source"] for event in events} == {item["source"]}
    assert events[1].data["author"] == {"user_id": "u1", "verified": True}


async def test_intake_leaves_no_audit_row_and_a_change_does(desk):
    item = await desk.post(title="personal words")
    await desk.patch(item["id"], severity="s1", title="other words")

    async with desk.api.db.transaction() as session:
        [row] = (await session.execute(audit.select().where(audit.c.subject.like("feedback/%")))).all()
    assert (row.action, row.subject, row.workspace) == ("feedback.updated", f"feedback/{item['id']}", "acme")
    assert row.before == {"severity": "s3", "title": "(text)"}
    assert row.after == {"severity": "s1", "title": "(text)"}


@pytest.mark.parametrize("change", [{}, {"status": "new"}, {"tags": ["mine"], "status": "open"}])
async def test_a_change_without_read_is_no_read(desk, change):
    writer = await desk.api.key("feedback:write", name="helper", source="helper")
    item = await desk.post(title="Zoe's title")

    answer = await desk.client.patch(f"/v1/feedback/{item['id']}", json=change, headers=writer)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["etag"] == ('"2"' if "tags" in change else '"1"')
    if "tags" in change:
        assert (await desk.get(f"/v1/feedback/{item['id']}"))["tags"] == ["mine"]


async def test_every_route_asks_who_it_is_and_hides_other_workspaces(desk):
    item = await desk.post()
    theirs = await desk.api.key(workspace="other")
    routes = [
        ("GET", "/v1/feedback", None, 200),
        ("POST", "/v1/feedback", {"body": "b"}, 201),
        ("POST", "/v1/feedback:batch", {"items": [{"body": "b", "external_id": "1"}]}, 200),
        ("GET", f"/v1/feedback/{item['id']}", None, 404),
        ("PATCH", f"/v1/feedback/{item['id']}", {"status": "open"}, 404),
        ("GET", f"/v1/feedback/{item['id']}/messages", None, 404),
        ("POST", f"/v1/feedback/{item['id']}/messages", {"kind": "note", "body": "n"}, 404),
    ]

    for method, path, json, expected in routes:
        unknown = await desk.client.request(method, path, json=json)
        foreign = await desk.client.request(method, path, json=json, headers=theirs)
        assert unknown.status_code == 401, path
        assert foreign.status_code == expected, path
        assert item["id"] not in foreign.text or expected == 404


async def test_a_malformed_id_names_nothing(desk):
    for path in ("/v1/feedback/nonsense", "/v1/feedback/nonsense/messages"):
        assert (await desk.client.get(path, headers=desk.agent)).status_code == 404


async def test_the_database_itself_holds_rows_to_their_workspace(desk):
    await desk.post()

    async with desk.api.db.transaction() as session:
        rows = (await session.execute(text("SELECT * FROM feedback"))).all()

    assert rows == []
