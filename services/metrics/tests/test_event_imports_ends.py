"""How files of events come in parts, and how they end: read, cancelled, taken back, forgotten; and whose they are."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from opsloop_common import failpoints
from opsloop_common.errors import Unavailable
from opsloop_common.limits import IMPORT_BYTES, IMPORT_DAYS, IMPORT_PART_BYTES, IMPORTS_AT_ONCE
from opsloop_metrics.event_imports import service
from opsloop_metrics.recording import writer
from services.metrics.tests.event_imports import CSV, PATH, WHEN, counts, imports, rows

__all__ = ["imports"]


async def test_parts_come_in_their_order_and_again(imports):
    data = rows(30).encode()
    made = await imports.upload(data[:300], more="true")
    assert (made["stage"], made["job_id"], made["parts"]) == ("uploading", None, 1)
    parts = f"{PATH}/{made['id']}/parts"

    assert (await imports.send("POST", f"{parts}/3", b"x", expect=409)).json()["detail"] == "The next part is 2."
    await imports.send("POST", f"{parts}/2", data[300:500], expect=200)
    again = (await imports.send("POST", f"{parts}/2", data[300:500], expect=200)).json()
    assert (again["parts"], again["size"]) == (2, 500)
    await imports.send("POST", f"{parts}/3", b"", expect=422)
    await imports.send("POST", f"{parts}/3", data[500:], expect=200)
    for path in ("1", "0", "x"):
        assert (await imports.send("POST", f"{parts}/{path}", b"x")).status_code in (404, 422)
    for _ in range(2):
        await imports.send("POST", f"{PATH}/{made['id']}/start", expect=202)
    await imports.send("POST", f"{parts}/4", b"x", expect=409)
    await imports.tick()

    assert (await imports.shown(made["id"]))["stored"] == 30


async def test_a_file_has_a_bound(imports, monkeypatch):
    monkeypatch.setattr(service, "IMPORT_BYTES", 1_000)
    made = await imports.upload(rows(10), more="true")
    await imports.send("POST", f"{PATH}/{made['id']}/parts/2", b"x" * 1_000, expect=413)
    assert (await imports.shown(made["id"]))["parts"] == 1
    assert IMPORT_BYTES >= 12 * IMPORT_PART_BYTES


async def test_so_many_are_on_their_way(imports):
    made = [await imports.upload(rows(1), more="true") for _ in range(IMPORTS_AT_ONCE)]
    assert (await imports.send("POST", PATH, rows(1), expect=409)).json()["type"].endswith("too_many")
    await imports.send("POST", f"{PATH}/{made[0]['id']}/cancel", expect=200)
    await imports.upload(rows(1))


async def test_cancelled_while_it_is_uploaded(imports):
    made = await imports.upload(rows(1), more="true")
    for expect in (200, 409):
        await imports.send("POST", f"{PATH}/{made['id']}/cancel", expect=expect)
    await imports.send("POST", f"{PATH}/{made['id']}/start", expect=409)
    assert (await imports.chunks(), (await imports.shown(made["id"]))["stage"]) == (0, "cancelled")


async def test_cancelled_while_it_is_read_what_was_stored_can_be_taken_back(imports, monkeypatch):
    monkeypatch.setattr(service, "BLOCK_ROWS", 5)
    made = await imports.upload(rows(20))
    monkeypatch.setenv(failpoints.VARIABLE, "metrics.import_noted:raise:1")
    with pytest.raises(failpoints.Struck):
        await imports.tick()
    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=409)
    await imports.send("POST", f"{PATH}/{made['id']}/cancel", expect=200)
    imports.world.api.clock.advance(3_600)
    await imports.tick()
    assert (await imports.count(), (await imports.shown(made["id"]))["stage"]) == (5, "cancelled")

    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    await imports.tick()

    assert (await imports.count(), (await imports.shown(made["id"]))["stage"]) == (0, "undone")


@pytest.mark.parametrize("place", ["metrics.import_stored", "metrics.import_noted"])
async def test_what_fails_goes_on_where_it_stood(imports, monkeypatch, place):
    monkeypatch.setattr(service, "BLOCK_ROWS", 5)
    made = await imports.upload(rows(20) + "Paid,never,u1,\n" * 3)
    await imports.fail_at(monkeypatch, place, times=3)
    await imports.tick()

    shown = await imports.shown(made["id"])
    assert counts(shown) == {"rows": 23, "stored": 20, "known": 0, "refused": 3}
    assert await imports.count() == 20
    assert [each["row"] for each in await imports.errors(shown["id"])] == [22, 23, 24]


async def test_what_is_taken_back_are_events_and_what_was_learned_of_people_stays(imports):
    made = await imports.run(f"event,time,user_id,plan\n$identify,{WHEN},u1,pro\n")
    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    await imports.tick()

    [person] = (await imports.world.get("/v1/users"))["items"]
    assert (await imports.count(), person["first_seen_at"], person["traits"]) == (0, WHEN, {"plan": "pro"})
    await imports.send("DELETE", "/v1/users/u1", expect=202)
    assert (await imports.world.get("/v1/users"))["items"] == []


async def test_a_store_that_is_away_for_long_costs_no_import(imports, monkeypatch):
    made = await imports.upload(rows(3))

    async def away(*args, **options):
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(imports.store, "insert", away)
        for _ in range(12):
            with pytest.raises(Unavailable):
                await imports.tick()
            imports.world.api.clock.advance(3_600)
    await imports.tick()
    assert (await imports.shown(made["id"]))["stored"] == 3


async def test_what_is_taken_back_may_come_again(imports):
    kept = await imports.run(rows(5, user="k"))
    made = await imports.run(rows(10))
    undone = (await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)).json()
    assert undone["stage"] == "undoing"
    await imports.tick()
    assert (await imports.shown(made["id"]))["stage"] == "undone"
    assert {row[1][0] for row in await imports.events()} == {"k"}
    assert (await imports.world.send("GET", "/v1/users/u1")).status_code == 200, "persons stay"

    again = await imports.run(rows(10))

    assert (again["stored"], again["known"]) == (10, 0)
    assert await imports.count() == 15
    assert (await imports.run(rows(5, user="k")))["known"] == kept["stored"]


async def test_names_that_were_on_their_way_into_the_store_are_taken_back_too(imports, monkeypatch):
    monkeypatch.setattr(writer, "NOTE_SECONDS", 60.0)
    made = await imports.run(rows(10))
    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    await imports.tick()

    assert (await imports.run(rows(10)))["stored"] == 10


@pytest.mark.parametrize(
    ("format", "body"),
    [("csv", rows(3)), ("orders", "order_id,user_id,amount,currency,time\no1,u1,5,CNY,2026-03-01\n")],
)
async def test_taking_back_again_changes_nothing(imports, format, body):
    made = await imports.run(body, format=format)
    path = f"{PATH}/{made['id']}/undo"

    begun = [(await imports.send("POST", path, expect=202)).json() for _ in range(2)]
    await imports.tick()
    done = await imports.shown(made["id"])
    imports.world.api.clock.advance(60)
    again = (await imports.send("POST", path, expect=200)).json()
    await imports.tick()

    assert begun[0] == begun[1]
    assert done["stage"] == "undone"
    assert again == done == await imports.shown(made["id"])


async def test_what_came_after_all_was_taken_back_can_be_taken_back_too(imports):
    """A job that was cancelled as it stored: its last block arrives when the file is undone."""
    made = await imports.run(rows(3))
    await imports.run(rows(1, user="k"))
    path = f"{PATH}/{made['id']}/undo"
    await imports.send("POST", path, expect=202)
    await imports.tick()
    block = "SELECT * REPLACE ({import:UUID} AS import_id, generateUUIDv4() AS id) FROM opsloop.event"
    await imports.store.change(f"INSERT INTO opsloop.event {block}", {"import": UUID(made["id"])})
    assert await imports.count() == 2

    await imports.send("POST", path, expect=202)
    await imports.tick()

    assert await imports.count() == 1
    await imports.send("POST", path, expect=200)


async def test_taking_back_that_dies_halfway_goes_on(imports, monkeypatch):
    made = await imports.run(rows(10))
    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    monkeypatch.setenv(failpoints.VARIABLE, "metrics.undo_forgot_names:raise:1")
    with pytest.raises(failpoints.Struck):
        await imports.tick()
    imports.world.api.clock.advance(3_600)
    await imports.tick()
    assert await imports.count() == 0
    assert (await imports.run(rows(10)))["stored"] == 10


async def test_rows_of_who_was_erased_are_refused(imports):
    await imports.run(rows(2))
    assert (await imports.world.send("DELETE", "/v1/users/u1")).status_code == 202
    await imports.tick()
    shown = await imports.run(rows(1) + f"Left,{WHEN},u1,\nPaid,never,u1,\nPaid,{WHEN},u3,\n")
    assert {each["row"]: (each["reason"], each["raw"]) for each in await imports.errors(shown["id"])} == {
        3: ("erased", None),
        4: ("bad_time", None),
    }


async def test_uploads_that_nobody_ends_are_forgotten(imports):
    made = await imports.upload(rows(1), more="true")
    imports.world.api.clock.advance(timedelta(days=IMPORT_DAYS))
    await imports.world.recur()
    assert await imports.chunks() == 1
    imports.world.api.clock.advance(1)
    await imports.world.recur()
    assert (await imports.chunks(), (await imports.shown(made["id"]))["stage"]) == (0, "cancelled")


async def test_the_list_has_the_newest_first(imports):
    for name in ("one", "two", "three"):
        await imports.run(rows(1), name=name)
        imports.world.api.clock.advance(1)
    page = await imports.world.get(PATH, limit=2)
    rest = await imports.world.get(PATH, limit=2, cursor=page["next_cursor"])
    assert [each["name"] for each in page["items"] + rest["items"]] == ["three", "two", "one"]


STEPS = [
    ("GET", ""),
    ("GET", "/errors"),
    ("POST", "/parts/2"),
    ("POST", "/start"),
    ("POST", "/cancel"),
    ("POST", "/undo"),
]


@pytest.mark.parametrize(("method", "path"), STEPS)
async def test_another_workspaces_file_is_nobodys(imports, method, path):
    made = await imports.upload(rows(3), more="true")
    headers = await imports.world.api.key(workspace="other")
    for id in (made["id"], uuid4(), "no-id"):
        answer = await imports.world.send(method, f"{PATH}/{id}{path}", headers=headers, content=b"x" if path else None)
        assert answer.status_code == 404, answer.text
    assert (await imports.shown(made["id"]))["parts"] == 1


@pytest.mark.parametrize("scope", ["metrics:read", "metrics:capture"])
async def test_who_may_not_write_imports_nothing(imports, scope):
    made = await imports.upload(rows(1), more="true")
    headers = await imports.world.api.key(scope)
    posts = [PATH, f"{PATH}/preview", *(f"{PATH}/{made['id']}{path}" for method, path in STEPS if method == "POST")]
    for path in posts:
        answer = await imports.world.send("POST", path, content=b"x", headers=headers | CSV)
        assert answer.status_code == 403, path
        answer = await imports.world.send("POST", path, content=b"x", headers=CSV)
        assert answer.status_code == 401, path


async def test_the_same_request_again_makes_one_import(imports):
    made = [await imports.send("POST", PATH, rows(1), expect=202, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert made[0].json()["id"] == made[1].json()["id"]
    other = await imports.send("POST", PATH, rows(2), headers={"Idempotency-Key": "k1"})
    assert other.status_code == 422
    assert len((await imports.world.get(PATH))["items"]) == 1
