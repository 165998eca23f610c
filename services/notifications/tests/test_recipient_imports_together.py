"""Files beside others: of other workspaces, of erased people, of requests at the same time, and of many rows."""

import asyncio
from uuid import uuid4

from sqlalchemy import text

from opsloop_common.contracts.users import UserErased
from opsloop_common.db import Context
from opsloop_common.due.rows import claim_due
from opsloop_common.due.work import DueWork
from opsloop_common.due.workers import beat, leave
from opsloop_common.testing.events import deliver, make_event
from opsloop_notifications.messages.consumers import ERASURES
from opsloop_notifications.recipient_imports import service as use_cases
from services.notifications.tests.recipient_files import KINDS, PATH, SAID, Files, counts, files

__all__ = ["files"]


def rows(count, *, user="u"):
    return "user_id,email\n" + "".join(f"{user}{place},{user}{place}@example.test\n" for place in range(count))


async def test_of_who_is_erased_nothing_stays_and_undo_brings_nobody_back(files):
    await files.call("PUT", "/v1/recipients/u1", 201, json={"email": "before@example.test"})
    made = await files.run(rows(3), **SAID)
    erased = UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"])
    for _ in range(2):
        await deliver(files.service.db, ERASURES, make_event(erased))

    assert await files.scalar("SELECT count(*) FROM recipient_import_row WHERE user_id = 'u1'") == 0
    await files.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await files.tick()
    assert [await files.is_known(user) for user in ("u0", "u1", "u2")] == [False] * 3


async def test_a_file_is_held_to_its_workspace(files, service):
    other = Files(service, await service.key(workspace="b"))
    await files.call("PUT", "/v1/recipients/u1", 201, json={"name": "ours"})
    made = await other.run(rows(2) + "u1,,\n")
    assert counts(made)[:2] == (3, 2)
    assert await files.person("u1", "name", "email") == ("ours", None)
    assert await other.person("u1", "email") == ("u1@example.test",)
    assert await files.scalar("SELECT count(*) FROM recipient_import") == 0
    async with service.db.transaction(Context("b")) as session:
        assert (await session.execute(text("SELECT count(*) FROM recipient_import_row"))).scalar_one() == 2


async def test_a_small_file_of_another_workspace_need_not_wait_for_the_end_of_a_large_one(files, service, monkeypatch):
    monkeypatch.setattr("opsloop_common.due.jobs.TURN_SECONDS", 0)
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 10)
    other = Files(service, await service.key(workspace="b"))
    large = await files.upload(rows(200))
    small = await other.upload(rows(5))

    for _ in range(4):
        await _turn(service)

    assert (await other.shown(small["id"]))["stage"] == "done"
    shown = await files.shown(large["id"])
    assert shown["stage"] == "importing"
    assert 0 < shown["created"] < 200
    await files.tick()
    assert counts(await files.shown(large["id"]))[:2] == (200, 200)


async def _turn(service):
    """Give each file that is due one turn, as a runner would."""
    owner = service.runtime.boot_id
    await beat(service.db, owner, instance="one")
    work = DueWork(service.db, KINDS, owner=owner)
    async with service.db.transaction() as session:
        claimed = await claim_due(session, [(kind, 4) for kind in KINDS], now=service.clock.now(), owner=owner)
    for item in claimed:
        await work.record([await work.perform(item)], owner=owner)
    await leave(service.db, owner)


async def test_batches_at_once_in_any_order_all_land(files):
    people = [{"user_id": f"u{place}", "name": "n"} for place in range(40)]
    batches = [people, people[::-1], people[20:] + people[:20], people[5:]]

    answers = await asyncio.gather(
        *(
            files.service.client.post("/v1/recipients:batch", json={"items": items}, headers=files.key)
            for items in batches
        )
    )

    assert {answer.status_code for answer in answers} == {200}
    statuses = [each["status"] for answer in answers for each in answer.json()["items"]]
    assert (statuses.count("created"), set(statuses)) == (40, {"created", "existing"})


async def test_refused_rows_beyond_those_that_are_kept_are_counted(files, monkeypatch):
    monkeypatch.setattr(use_cases, "IMPORT_ERRORS", 3)
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 2)
    made = await files.run("user_id,email\n" + "u1,nobody\n" * 7 + "u2,\n")
    assert counts(made) == (8, 1, 0, 0, 7, 0)
    assert [row for row, _, _ in await files.errors(made["id"])] == [2, 3, 4]
    page = await files.call("GET", f"{PATH}/{made['id']}/errors", params={"limit": 2})
    rest = await files.call("GET", f"{PATH}/{made['id']}/errors", params={"cursor": page["next_cursor"]})
    assert ([each["row"] for each in page["items"]], [each["row"] for each in rest["items"]]) == ([2, 3], [4])


async def test_a_job_that_is_cancelled_at_work_takes_no_more(files, monkeypatch):
    monkeypatch.setattr("opsloop_common.due.jobs.TURN_SECONDS", 0)
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 10)
    made = await files.upload(rows(100))
    await _turn(files.service)
    await files.call("POST", f"{PATH}/{made['id']}/cancel")
    await files.tick()

    shown = await files.shown(made["id"])
    assert (shown["stage"], shown["created"]) == ("cancelled", 10)
    assert await files.scalar("SELECT count(*) FROM recipient") == 10
    await files.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await files.tick()
    assert await files.scalar("SELECT count(*) FROM recipient") == 0


async def test_a_file_of_many_blocks_and_pieces(files):
    made = await files.run(rows(12_000), **SAID)

    assert counts(made) == (12_000, 12_000, 0, 0, 0, 0)
    assert made["size"] > use_cases.PIECE_BYTES
    assert await files.scalar("SELECT count(DISTINCT email) FROM recipient") == 12_000
