"""Settings of a workspace, the audit log, parked events and jobs: the routes that every service has."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from opsloop_common import due, workspaces
from opsloop_common.access import audit
from opsloop_common.db import Context
from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def test_a_workspace_begins_with_defaults_and_can_be_changed(sample):
    admin, reader = await sample.key("sample:admin"), await sample.key("sample:read")

    fresh = await sample.client.get("/v1/workspace", headers=reader)
    changes = {"time_zone": "Asia/Shanghai", "locale": "zh-CN", "week_start": "sunday"}
    changed = await sample.client.patch(
        "/v1/workspace", json=changes, headers=admin | {"If-Match": fresh.headers["etag"]}
    )
    stale = await sample.client.patch("/v1/workspace", json={"locale": "en"}, headers=admin | {"If-Match": '"1"'})

    assert fresh.json()["time_zone"] == "UTC"
    assert "allow_self_approval" not in fresh.json()
    assert changed.json().items() >= changes.items()
    assert changed.headers["etag"] == '"sample.1"'
    assert stale.status_code == 412
    [entry] = (await sample.client.get("/v1/audit", headers=admin | {})).json()["items"][:1]
    assert entry["action"] == "workspace.updated"
    assert entry["before"]["time_zone"] == "UTC"
    assert entry["after"] == changes
    async with sample.db.transaction(Context("acme")) as session:
        assert (await workspaces.get(session)).zone.key == "Asia/Shanghai"


async def test_of_two_who_change_what_they_saw_at_once_the_second_is_told(sample):
    admin = await sample.key("sample:admin") | {"If-Match": '"1"'}

    answers = await asyncio.gather(
        *(sample.client.patch("/v1/workspace", json={"locale": each}, headers=admin) for each in ("zh-CN", "fr"))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]
    shown = await sample.client.get("/v1/workspace", headers=admin)
    assert shown.headers["etag"] == '"sample.1"'


async def test_only_settings_that_make_sense_are_taken(sample):
    admin, reader = await sample.key("sample:admin"), await sample.key("sample:read")

    for change in (
        {"time_zone": "Mars/Base"},
        {"locale": "?"},
        {"week_start": "someday"},
        {"surprise": 1},
        {"locale": None},
    ):
        assert (await sample.client.patch("/v1/workspace", json=change, headers=admin)).status_code == 422
    assert (await sample.client.patch("/v1/workspace", json={"locale": "en"}, headers=reader)).status_code == 403
    same = await sample.client.patch("/v1/workspace", json={"locale": "en"}, headers=admin)
    assert same.headers["etag"] == '"1"'


async def test_the_audit_log_is_filtered_and_keeps_workspaces_apart(sample):
    admin, other = await sample.key("sample:admin"), await sample.key("sample:admin", workspace="other")
    for number in range(3):
        async with sample.db.transaction(Context("acme", actor="user:7")) as session:
            audit.record(session, "note.counted", f"note/{number}", after={"number": number})
        sample.clock.advance(60)

    first = await sample.client.get("/v1/audit?actor=user:7&limit=2", headers=admin)
    rest = await sample.client.get(
        f"/v1/audit?actor=user:7&limit=2&cursor={first.json()['next_cursor']}", headers=admin
    )
    since = await sample.client.get("/v1/audit?action=note.counted&at_from=2026-11-22T08:01:00Z", headers=admin)
    theirs = await sample.client.get("/v1/audit?actor=user:7", headers=other)

    assert [entry["subject"] for entry in first.json()["items"]] == ["note/2", "note/1"]
    assert [entry["subject"] for entry in rest.json()["items"]] == ["note/0"]
    assert rest.json()["next_cursor"] is None
    assert len(since.json()["items"]) == 2
    assert theirs.json()["items"] == []
    assert (await sample.client.get("/v1/audit?at_from=yesterday", headers=admin)).status_code == 422


async def test_nobody_rewrites_the_audit_log(sample):
    await sample.key("sample:admin")

    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with sample.db.transaction() as session:
                await session.execute(text(statement))


async def test_what_is_rolled_back_is_not_audited(sample):
    with pytest.raises(RuntimeError):
        async with sample.db.transaction(Context("acme")) as session:
            audit.record(session, "note.counted", "note/1")
            raise RuntimeError

    async with sample.db.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM audit"))).scalar() == 0


async def test_a_savepoint_that_is_rolled_back_takes_no_audit_row_with_it(sample):
    async with sample.db.transaction(Context("acme")) as session:
        audit.record(session, "note.counted", "note/1")
        savepoint = await session.begin_nested()
        await savepoint.rollback()

    async with sample.db.transaction() as session:
        assert (await session.execute(text("SELECT count(*) FROM audit"))).scalar() == 1


async def test_a_job_shows_its_progress_to_its_own_workspace(sample):
    ours, theirs = await sample.key("sample:read"), await sample.key("sample:read", workspace="other")
    async with sample.db.transaction(Context("acme", actor="user:7")) as session:
        job_id = await due.start_job(session, "import", {"rows": 3})

    shown = await sample.client.get(f"/v1/jobs/{job_id}", headers=ours)

    assert shown.status_code == 200, shown.text
    assert shown.json()["status"] == "queued"
    assert shown.json()["created_by"] == "user:7"
    assert (await sample.client.get(f"/v1/jobs/{job_id}", headers=theirs)).status_code == 404
    assert (await sample.client.get(f"/v1/jobs/{uuid4()}", headers=ours)).status_code == 404


async def test_parked_events_are_shown_to_their_workspace_and_the_operator(sample):
    admin, other = await sample.key("sample:admin"), await sample.key("sample:admin", workspace="other")
    parked_id = uuid4()
    async with sample.db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO parked_event (id, consumer, source, stream, seq, event_id, type, workspace, status, fingerprint, "
                "reason, attempts, origin, body) VALUES (:id, 'sample.notes', 'feedback', 'feedback/1', 1, :id, "
                "'feedback.received', 'acme', 'failed', 'ValueError', 'no', 3, 'outbox@1', '')"
            ),
            {"id": parked_id},
        )

    for headers, seen in ((admin, 1), (other, 0), (sample.operator, 1)):
        listed = await sample.client.get("/v1/parked-events", headers=headers)
        assert len(listed.json()["items"]) == seen
    assert (await sample.client.post(f"/v1/parked-events/{parked_id}/discard", headers=other)).status_code == 404
    discarded = await sample.client.post(f"/v1/parked-events/{parked_id}/discard", headers=admin)
    assert (discarded.status_code, discarded.json()) == (200, {"discarded": 1})
    assert (await sample.client.post(f"/v1/parked-events/{parked_id}/redrive", headers=admin)).status_code == 404
    entries = (await sample.client.get("/v1/audit?action=parked_event.discarded", headers=admin)).json()["items"]
    assert [entry["subject"] for entry in entries] == [f"parked_event/{parked_id}"]
