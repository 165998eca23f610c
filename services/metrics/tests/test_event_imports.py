"""Files of events through the door: uploaded whole or in parts, read once, told row by row, stopped and taken back."""

import csv
import gzip
import io
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from opsloop_common import failpoints
from opsloop_common.db import Context
from opsloop_common.errors import Unavailable
from opsloop_common.limits import IMPORT_BYTES, IMPORT_DAYS, IMPORT_PART_BYTES, IMPORTS_AT_ONCE
from opsloop_common.testing.due import run_due
from opsloop_metrics.app import SERVICE
from opsloop_metrics.event_imports import service

PATH = "/v1/imports"
WHEN = "2020-05-06T07:08:09Z"
HEAD = "event,time,user_id,amount\n"
CSV = {"Content-Type": "text/csv"}
JSONL = {"Content-Type": "application/x-ndjson"}


def rows(count, *, user="u", event="Paid"):
    return HEAD + "".join(f"{event},{WHEN},{user}{place},{place}\n" for place in range(count))


class Imports:
    def __init__(self, world, store):
        self.world, self.store = world, store

    async def send(self, method, path, body=None, *, expect=None, kind=CSV, headers=None, **params):
        content = body.encode() if isinstance(body, str) else body
        all_headers = self.world.headers | kind | (headers or {})
        answer = await self.world.send(method, path, content=content, headers=all_headers, params=params)
        assert expect is None or answer.status_code == expect, answer.text
        return answer

    async def upload(self, body, *, expect=202, **given):
        return (await self.send("POST", PATH, body, expect=expect, **given)).json()

    async def run(self, body, **given):
        """Import a file to its end; returns what it came to."""
        made = await self.upload(body, **given)
        await self.tick()
        return await self.shown(made["id"])

    async def tick(self, **given):
        await run_due(self.world.api.db, SERVICE.due, **given)

    async def shown(self, id):
        return await self.world.get(f"{PATH}/{id}")

    async def errors(self, id, **params):
        return (await self.world.get(f"{PATH}/{id}/errors", **params))["items"]

    async def events(
        self, sql="SELECT event, distinct_id, time, properties, source FROM opsloop.event ORDER BY distinct_id"
    ):
        return (await self.store.query(sql)).rows

    async def count(self):
        return int((await self.events("SELECT count() FROM opsloop.event"))[0][0])

    async def chunks(self):
        async with self.world.api.db.transaction(Context("acme")) as session:
            return (await session.execute(text("SELECT count(*) FROM event_import_chunk"))).scalar_one()


@pytest.fixture
def imports(world_with_store, store):
    return Imports(world_with_store, store)


def counts(shown):
    return {name: shown[name] for name in ("rows", "stored", "known", "refused")}


async def test_a_file_is_read_by_a_job(imports):
    made = await imports.upload(rows(3), name="Payments of 2020")
    assert (made["stage"], made["name"], made["format"], made["parts"]) == ("importing", "Payments of 2020", "csv", 1)

    await imports.tick()

    shown = await imports.shown(made["id"])
    assert (shown["stage"], counts(shown)) == ("done", {"rows": 4, "stored": 3, "known": 0, "refused": 0})
    assert shown["size"] == len(rows(3))
    job = await imports.world.get(f"/v1/jobs/{made['job_id']}")
    assert (job["status"], job["done"], job["total"]) == ("succeeded", shown["size"], shown["size"])
    assert job["result"] == counts(shown)
    assert await imports.chunks() == 0
    event, id, time, properties, source = (await imports.events())[0]
    assert (event, id, json.loads(properties)) == ("Paid", "u0", {"amount": 0})
    assert time.startswith("2020-05-06 07:08:09")
    assert source


async def test_the_location_names_it(imports):
    answer = await imports.send("POST", PATH, rows(1), expect=202)
    assert answer.headers["location"].endswith(answer.json()["id"])


async def test_the_same_file_again_counts_once_whoever_uploads_it_in_whatever_parts(imports):
    first = await imports.run(rows(50))
    second = await imports.run(rows(50), name="again")
    data = rows(50).encode()
    third = await imports.upload(data[:700], more="true")
    await imports.send("POST", f"{PATH}/{third['id']}/parts/2", data[700:], expect=200)
    await imports.send("POST", f"{PATH}/{third['id']}/start", expect=202)
    await imports.tick()

    assert (first["stored"], second["stored"], second["known"]) == (50, 0, 50)
    assert counts(await imports.shown(third["id"])) == {"rows": 51, "stored": 0, "known": 50, "refused": 0}
    assert await imports.count() == 50


async def test_rows_that_name_themselves_count_once_in_any_file(imports):
    row = {"event": "Paid", "time": WHEN, "user_id": "u1", "message_id": "m1"}
    other = row | {"message_id": "m2"}
    await imports.run("\n".join(map(json.dumps, (row, row))), kind=JSONL)
    shown = await imports.run("\n".join(map(json.dumps, (other, row))), kind=JSONL)
    assert counts(shown) == {"rows": 2, "stored": 1, "known": 1, "refused": 0}


async def test_what_a_client_sent_before_is_known(imports):
    key = imports.world.headers["Authorization"].removeprefix("Bearer ")
    message = {"type": "track", "event": "Paid", "messageId": "m1", "userId": "u1"}
    await imports.world.send("POST", "/v1/batch", json={"batch": [message], "writeKey": key})
    row = {"event": "Paid", "time": WHEN, "user_id": "u1", "message_id": "m1"}
    assert (await imports.run(json.dumps(row), kind=JSONL))["known"] == 1


MIXPANEL = json.dumps({"event": "Up", "properties": {"time": 1588748889, "distinct_id": "u1", "$insert_id": "i"}})
GA4 = json.dumps(
    {
        "event_name": "purchase",
        "event_timestamp": "1588748889000000",
        "user_pseudo_id": "u1",
        "event_params": [{"key": "value", "value": {"double_value": 9.5}}],
    }
)


@pytest.mark.parametrize(
    ("format", "body", "event", "properties"),
    [
        ("mixpanel", MIXPANEL, "Up", {"time": 1588748889, "distinct_id": "u1", "$insert_id": "i"}),
        ("ga4", GA4, "purchase", {"value": 9.5}),
        ("jsonl", json.dumps({"event": "E", "time": WHEN, "user_id": "u1", "a": [1]}), "E", {"a": [1]}),
        ("csv", f"{HEAD}付款,{WHEN},u1,专业版", "付款", {"amount": "专业版"}),
    ],
)
async def test_formats(imports, format, body, event, properties):
    shown = await imports.run(body, format=format)
    assert (shown["format"], shown["stored"]) == (format, 1)
    [[name, id, time, said, _]] = await imports.events()
    assert (name, id, json.loads(said)) == (event, "u1", properties)
    assert time.startswith("2020-05-06 07:08:09")


async def test_columns_of_other_names(imports):
    body = f"What,When,Who\nPaid,{WHEN},u1\n"
    refused = await imports.send("POST", PATH, body, expect=422)
    assert "no column 'event'; the file has What, When, Who" in refused.json()["errors"][0]["detail"]
    shown = await imports.run(body, event_column="What", time_column="When", user_id_column="Who")
    assert (shown["stored"], shown["columns"]["event"]) == (1, "What")


async def test_a_packed_file(imports):
    shown = await imports.run(gzip.compress(rows(9).encode()), headers={"Content-Encoding": "gzip"})
    assert shown["stored"] == 9


async def test_refused_rows_are_told_and_the_rest_is_read(imports):
    body = f"{HEAD}Paid,{WHEN},u1,1\nPaid,never,u2,2\n,{WHEN},u3,3\nPaid,{WHEN},,=1+1\nPaid,{WHEN},u5,5\n"
    shown = await imports.run(body)

    assert counts(shown) == {"rows": 6, "stored": 2, "known": 0, "refused": 3}
    errors = await imports.errors(shown["id"])
    assert [(each["row"], each["reason"]) for each in errors] == [
        (3, "bad_time"),
        (4, "missing_event"),
        (5, "missing_id"),
    ]
    assert json.loads(errors[2]["raw"]) == {"event": "Paid", "time": WHEN, "amount": "=1+1"}
    listed = (await imports.world.get("/v1/rejected-messages", vendor="import:csv"))["items"]
    assert {each["import_id"] for each in listed} == {shown["id"]}


async def test_errors_as_csv_and_in_pages(imports):
    shown = await imports.run(HEAD + 'Paid,never,u1,"a, ""b"""\n' * 5)
    path = f"{PATH}/{shown['id']}/errors"
    first = await imports.send("GET", path, kind={"Accept": "text/csv"}, limit=3)
    rest = await imports.send("GET", path, kind={"Accept": "text/csv"}, cursor=first.headers["next-cursor"])

    head, *found = [*csv.reader(io.StringIO(first.text)), *list(csv.reader(io.StringIO(rest.text)))[1:]]
    assert head == ["row", "reason", "detail", "raw"]
    assert [row[0] for row in found] == ["2", "3", "4", "5", "6"]
    assert json.loads(found[0][3])["amount"] == 'a, "b"'
    assert "next-cursor" not in rest.headers


async def test_of_many_refused_rows_some_are_kept(imports, monkeypatch):
    monkeypatch.setattr(service, "IMPORT_ERRORS", 5)
    monkeypatch.setattr(service, "BLOCK_ROWS", 4)
    shown = await imports.run(HEAD + "Paid,never,u1,\n" * 12)
    assert shown["refused"] == 12
    assert [each["row"] for each in await imports.errors(shown["id"])] == [2, 3, 4, 5, 6]


async def test_a_file_of_many_blocks_and_chunks(imports, monkeypatch):
    monkeypatch.setattr(service, "BLOCK_ROWS", 7)
    monkeypatch.setattr(service, "CHUNK_BYTES", 1_000)
    shown = await imports.run(rows(60))
    assert counts(shown) == {"rows": 61, "stored": 60, "known": 0, "refused": 0}
    assert {row[1] for row in await imports.events()} == {f"u{place}" for place in range(60)}


async def test_a_preview_keeps_nothing(imports):
    body = f"{HEAD}Paid,{WHEN},u1,1\nPaid,never,u2,2\n" + rows(50)[len(HEAD) :]
    shown = (await imports.send("POST", f"{PATH}/preview", body, expect=200)).json()

    assert (shown["format"], shown["columns"], shown["delimiter"]) == ("csv", HEAD.strip().split(","), ",")
    assert len(shown["rows"]) == 20
    good, bad = shown["rows"][:2]
    assert good == {
        "row": 2,
        "event": "Paid",
        "time": WHEN,
        "distinct_id": "u1",
        "is_identified": True,
        "message_id": None,
        "properties": {"amount": 1},
        "reason": None,
        "detail": None,
    }
    assert (bad["row"], bad["event"], bad["reason"]) == (3, None, "bad_time")
    assert await imports.world.get(PATH) == {"items": [], "next_cursor": None}
    assert await imports.count() == 0


async def test_a_preview_of_json(imports):
    row = json.dumps({"event": "E", "time": WHEN, "anonymous_id": "a1", "message_id": "m1"})
    shown = (await imports.send("POST", f"{PATH}/preview", row, kind=JSONL, expect=200)).json()
    assert (shown["columns"], shown["delimiter"]) == ([], None)
    assert (shown["rows"][0]["distinct_id"], shown["rows"][0]["message_id"]) == ("a1", "m1")
    assert not shown["rows"][0]["is_identified"]


GBK = "event,time,user_id,city\n付款,2024-05-06,u1,北京市朝阳区\n".encode("gbk")


@pytest.mark.parametrize("path", [PATH, f"{PATH}/preview"])
@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b"", CSV, 422, "The file is empty."),
        (GBK, CSV, 422, "GB18030. Convert it first: iconv -f GB18030 -t UTF-8"),
        (b"\xef\xbb\xbf" + GBK, CSV, 422, "GB18030"),
        ("event,time,user_id\n".encode("utf-16"), CSV, 422, "UTF-16"),
        (",".join(map(str, range(10_000))).encode(), CSV, 422, "10000 columns; at most 1000"),
        (b"x", {"Content-Type": "application/json"}, 415, "format"),
        (b"x", {"Content-Type": ""}, 415, "format"),
        (b"x" * (IMPORT_PART_BYTES + 1), CSV, 413, "16777216"),
        (gzip.compress(b"\x00" * (IMPORT_PART_BYTES + 1)), CSV, 413, "16777216"),
        (gzip.compress(b"x" * 1_000)[:20], CSV, 400, "ends too early"),
    ],
)
async def test_files_that_are_refused_whole(imports, path, body, kind, status, says):
    answer = await imports.send("POST", path, body, kind=kind, expect=status)
    assert says in answer.text
    assert await imports.chunks() == 0


@pytest.mark.parametrize(
    "params", [{"format": "xml"}, {"event_column": ""}, {"name": ""}, {"more": "perhaps"}, {"colum": "x"}]
)
async def test_malformed_parameters(imports, params):
    assert (await imports.send("POST", PATH, rows(1), **params)).status_code == 422


HOSTILE = [
    ("a row of 10 MB", f"{HEAD}Paid,{WHEN},u1,{'x' * 10_000_000}\nPaid,{WHEN},u2,\n", CSV, 1, 1),
    ("NUL", f"{HEAD}Pa\x00id,{WHEN},u1,\x00\n", CSV, 1, 0),
    ("deep", '{"a":' + "[" * 100_000 + f'\n{{"event":"E","time":"{WHEN}","user_id":"u"}}', JSONL, 1, 1),
    ("no quote's end", f'{HEAD}Paid,{WHEN},u1,"x\nPaid,{WHEN},u2,\n', CSV, 0, 1),
    ("no line's end", f"{HEAD}Paid,{WHEN},u1,", CSV, 1, 0),
    ("formulas", f"{HEAD}Paid,{WHEN},u1,\"=cmd|' /C calc'!A0\"\n", CSV, 1, 0),
    ("nothing but a header", HEAD, CSV, 0, 0),
    ("blank lines", "\n" * 100_000, JSONL, 0, 0),
]


@pytest.mark.parametrize(
    ("body", "kind", "stored", "refused"), [each[1:] for each in HOSTILE], ids=[h[0] for h in HOSTILE]
)
async def test_hostile_files(imports, body, kind, stored, refused):
    shown = await imports.run(body, kind=kind)
    assert (shown["stage"], shown["stored"], shown["refused"]) == ("done", stored, refused)


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
    for _ in range(3):
        monkeypatch.setenv(failpoints.VARIABLE, f"{place}:raise:1")
        with pytest.raises(failpoints.Struck):
            await imports.tick()
        imports.world.api.clock.advance(3_600)
    monkeypatch.delenv(failpoints.VARIABLE)
    await imports.tick()

    shown = await imports.shown(made["id"])
    assert counts(shown) == {"rows": 24, "stored": 20, "known": 0, "refused": 3}
    assert await imports.count() == 20
    assert [each["row"] for each in await imports.errors(shown["id"])] == [22, 23, 24]


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
    for _ in range(2):
        undone = (await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)).json()
        assert undone["stage"] == "undoing"
        await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=409)
        await imports.tick()
    assert (await imports.shown(made["id"]))["stage"] == "undone"
    assert {row[1][0] for row in await imports.events()} == {"k"}
    assert (await imports.world.send("GET", "/v1/users/u1")).status_code == 200, "persons stay"

    again = await imports.run(rows(10))

    assert (again["stored"], again["known"]) == (10, 0)
    assert await imports.count() == 15
    assert (await imports.run(rows(5, user="k")))["known"] == kept["stored"]


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
    shown = await imports.run(rows(2) + f"Paid,never,u1,\nPaid,{WHEN},u3,\n")
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
