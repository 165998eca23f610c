"""Files beside others: of other workspaces and sources, of erased people, of posts at the same time, and of many rows."""

import asyncio
from uuid import uuid4

from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.due.rows import claim_due
from opsloop_common.due.work import DueWork
from opsloop_common.due.workers import beat, leave
from opsloop_common.testing.events import deliver, make_event
from opsloop_feedback.conversations.consumers import ERASURES
from opsloop_feedback.feedback_imports import service as use_cases
from services.feedback.tests.conftest import Desk
from services.feedback.tests.feedback_files import KINDS, PATH, Files, counts, files

__all__ = ["files"]


def rows(count, *, post="p"):
    return "external_id,body,user_id,reply\n" + "".join(f"{post}{n},It fails {n},u{n},Known\n" for n in range(count))


async def elsewhere(files, **key):
    return Files(Desk(files.desk.api, await files.desk.api.key("feedback:read", "feedback:write", **key)))


async def test_a_file_is_held_to_its_workspace(files):
    other = await elsewhere(files, workspace="b")
    await files.run(rows(2))

    assert counts(await other.run(rows(3))) == (3, 3, 0, 0)
    assert (len(await files.posts()), len(await other.posts())) == (2, 3)
    assert await files.scalar("SELECT count(*) FROM feedback_import") == 1
    [made] = (await other.call("GET", PATH))["items"]
    await other.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await other.tick()
    assert (len(await files.posts()), len(await other.posts())) == (2, 0)


async def test_posts_of_a_partner_are_known_to_its_own_files_alone(files):
    partner = await elsewhere(files, source="partner")
    await files.desk.client.post("/v1/feedback", json={"body": "x", "external_id": "p0"}, headers=partner.desk.agent)

    assert counts(await partner.run(rows(2))) == (2, 1, 1, 0)
    assert counts(await files.run(rows(2))) == (2, 2, 0, 0)
    assert len(await files.posts(external_id="p0")) == 2


async def test_of_who_is_erased_nothing_stays(files):
    await files.run(rows(3))
    erased = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])
    for _ in range(2):
        await deliver(files.desk.api.db, ERASURES, make_event(erased))

    [post] = await files.posts(external_id="p1")
    assert (post["body"], post["author"]["user_id"]) == ("", None)
    assert [body for _, body, _ in await files.messages(post["id"])] == [""]
    assert await files.scalar("SELECT count(*) FROM feedback WHERE body LIKE '%fails%'") == 2


async def test_a_small_file_of_another_workspace_need_not_wait_for_the_end_of_a_large_one(files, monkeypatch):
    monkeypatch.setattr("opsloop_common.due.jobs.TURN_SECONDS", 0)
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 10)
    other = await elsewhere(files, workspace="b")
    large = await files.upload(rows(200))
    small = await other.upload(rows(5))

    for _ in range(4):
        await _turn(files.desk.api)

    assert (await other.shown(small["id"]))["stage"] == "done"
    shown = await files.shown(large["id"])
    assert shown["stage"] == "importing"
    assert 0 < shown["created"] < 200
    await files.tick()
    assert counts(await files.shown(large["id"]))[:2] == (200, 200)


async def _turn(api):
    """Give each file that is due one turn, as a runner would."""
    owner = api.runtime.boot_id
    await beat(api.db, owner, instance="one")
    work = DueWork(api.db, KINDS, owner=owner)
    async with api.db.transaction() as session:
        claimed = await claim_due(session, [(kind, 4) for kind in KINDS], now=api.clock.now(), owner=owner)
    for item in claimed:
        await work.record([await work.perform(item)], owner=owner)
    await leave(api.db, owner)


async def test_a_post_that_comes_while_its_file_is_read_is_one(files, monkeypatch):
    prepare = use_cases._prepare

    async def meanwhile(job, found, read):
        prepared = await prepare(job, found, read)
        post = {"body": "It came first", "external_id": "p1"}
        await files.desk.client.post("/v1/feedback", json=post, headers=files.desk.agent)
        return prepared

    monkeypatch.setattr(use_cases, "_prepare", meanwhile)

    assert counts(await files.run(rows(3))) == (3, 2, 1, 0)
    [post] = await files.posts(external_id="p1")
    assert post["body"] == "It came first"
    assert await files.messages(post["id"]) == []


async def test_two_files_of_the_same_posts_at_once_bring_each_once(files):
    made = [await files.upload(rows(40)), await files.upload(rows(40))]
    await asyncio.gather(files.tick(), files.tick())
    await files.tick()

    shown = [await files.shown(each["id"]) for each in made]
    assert {each["stage"] for each in shown} == {"done"}
    assert sum(each["created"] for each in shown) == 40
    assert await files.scalar("SELECT count(*) FROM feedback") == 40
    assert await files.scalar("SELECT count(*) FROM feedback_message") == 40


async def test_refused_rows_beyond_those_that_are_kept_are_counted(files, monkeypatch):
    monkeypatch.setattr(use_cases, "IMPORT_ERRORS", 3)
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 2)
    made = await files.run("external_id,body,rating\n" + "p1,x,9\n" * 7 + "p2,x,\n")
    assert counts(made) == (8, 1, 0, 7)
    assert [row for row, _, _ in await files.errors(made["id"])] == [2, 3, 4]
    page = await files.call("GET", f"{PATH}/{made['id']}/errors", params={"limit": 2})
    rest = await files.call("GET", f"{PATH}/{made['id']}/errors", params={"cursor": page["next_cursor"]})
    assert ([each["row"] for each in page["items"]], [each["row"] for each in rest["items"]]) == ([2, 3], [4])


async def test_a_job_that_is_cancelled_at_work_takes_no_more(files, monkeypatch):
    monkeypatch.setattr("opsloop_common.due.jobs.TURN_SECONDS", 0)
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 10)
    made = await files.upload(rows(100))
    await _turn(files.desk.api)
    await files.call("POST", f"{PATH}/{made['id']}/cancel")
    await files.tick()

    shown = await files.shown(made["id"])
    assert (shown["stage"], shown["created"]) == ("cancelled", 10)
    assert await files.scalar("SELECT count(*) FROM feedback") == 10
    await files.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await files.tick()
    assert await files.scalar("SELECT count(*) FROM feedback") == 0


async def test_what_a_team_decided_sorts_what_comes_with_a_file_too(files):
    rule = {
        "name": "Known",
        "when": [{"field": "data.text", "op": "contains", "value": "fails 1"}],
        "set": {"severity": "s1"},
    }
    made = await files.desk.client.post("/v1/triage-rules", json=rule, headers=await files.desk.api.key())
    assert made.status_code == 201

    await files.run(rows(3))

    assert [post["external_id"] for post in await files.posts(severity="s1")] == ["p1"]


async def test_a_file_of_many_blocks_and_pieces(files):
    body = "external_id,body\n" + "".join(f"p{n},{'It fails ' * 100}{n}\n" for n in range(1_500))
    made = await files.run(body)

    assert counts(made) == (1_500, 1_500, 0, 0)
    assert made["size"] > use_cases.PIECE_BYTES
    async with files.desk.api.db.transaction(Context("acme")) as session:
        found = await session.execute(text("SELECT count(DISTINCT external_id), count(*) FROM feedback"))
    assert tuple(found.one()) == (1_500, 1_500)
