"""Files of events through the door: uploaded whole or in parts, read once, told row by row, stopped and taken back."""

import csv
import gzip
import io
import json

import pytest

from opsloop_common.limits import IMPORT_PART_BYTES
from opsloop_metrics.event_imports import service
from services.metrics.tests.event_imports import CSV, HEAD, JSONL, PATH, WHEN, counts, imports, rows

__all__ = ["imports"]


async def test_a_file_is_read_by_a_job(imports):
    made = await imports.upload(rows(3), name="Payments of 2020")
    assert (made["stage"], made["name"], made["format"], made["parts"]) == ("importing", "Payments of 2020", "csv", 1)

    await imports.tick()

    shown = await imports.shown(made["id"])
    assert (shown["stage"], counts(shown)) == ("done", {"rows": 3, "stored": 3, "known": 0, "refused": 0})
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
    assert counts(await imports.shown(third["id"])) == {"rows": 50, "stored": 0, "known": 50, "refused": 0}
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
    [error] = refused.json()["errors"]
    assert error["pointer"] == "/query/event_column"
    assert (
        "no column 'event'; the file has What, When, Who. Say which column it is by the parameter `event_column`."
        in error["detail"]
    )
    shown = await imports.run(body, event_column="What", time_column="When", user_id_column="Who")
    assert (shown["stored"], shown["columns"]["event"]) == (1, "What")


async def test_columns_in_chinese(imports):
    body = "事件,时间,用户,匿名用户,消息号,金额\n付款,2020/5/6 7:08:09,u1,a1,m1,5\n"
    preview = (await imports.send("POST", f"{PATH}/preview", body, expect=200, time_zone="UTC")).json()
    shown = await imports.run(body, time_zone="UTC")

    assert (shown["stored"], shown["columns"]["user_id"]) == (1, "用户")
    [row] = preview["rows"]
    assert (row["distinct_id"], row["message_id"], row["time"], row["properties"]) == ("u1", "m1", WHEN, {"金额": 5})
    [[event, id, time, said, _]] = await imports.events()
    assert (event, id, time[:19], json.loads(said)) == ("付款", "u1", "2020-05-06 07:08:09", {"金额": 5})


async def test_a_packed_file(imports):
    shown = await imports.run(gzip.compress(rows(9).encode()), headers={"Content-Encoding": "gzip"})
    assert shown["stored"] == 9


async def test_refused_rows_are_told_and_the_rest_is_read(imports):
    body = f"{HEAD}Paid,{WHEN},u1,1\nPaid,never,u2,2\n,{WHEN},u3,3\nPaid,{WHEN},,=1+1\nPaid,{WHEN},u5,5\n"
    shown = await imports.run(body)

    assert counts(shown) == {"rows": 5, "stored": 2, "known": 0, "refused": 3}
    errors = await imports.errors(shown["id"])
    assert [(each["row"], each["reason"]) for each in errors] == [
        (3, "bad_time"),
        (4, "missing_event"),
        (5, "missing_id"),
    ]
    assert json.loads(errors[2]["raw"]) == {"event": "Paid", "time": WHEN, "amount": "=1+1"}
    listed = (await imports.world.get("/v1/rejected-messages", vendor="import:csv"))["items"]
    assert {each["import_id"] for each in listed} == {shown["id"]}


@pytest.mark.parametrize(
    ("format", "body"),
    [
        ("csv", f"{HEAD}\nA,{WHEN},u1,1\n\n,,,\nA,never,u1,1\n\nA,{WHEN},u2,1\n\n"),
        (
            "jsonl",
            "\n".join(["", *(json.dumps({"event": "A", "time": t, "user_id": "u"}) for t in (1e9, "x", 1.1e9)), ""]),
        ),
        (
            "orders",
            f"order_id,user_id,amount,currency,time\n\no1,u,1,CNY,{WHEN}\n,,,,\no2,u,x,CNY,{WHEN}\no3,u,1,CNY,{WHEN}\n",
        ),
        ("store_downloads", "day,store,app,downloads\n\n2026-03-01,s,a,1\n\n2026-03-01,s,b,x\n2026-03-01,s,c,1\n\n"),
    ],
    ids=["csv", "jsonl", "orders", "store_downloads"],
)
async def test_neither_the_header_nor_a_blank_line_is_a_row(imports, format, body):
    """Three rows each, of which the second is refused; the number of that one is its place in the file."""
    shown = await imports.run(body, format=format)

    assert counts(shown) == {"rows": 3, "stored": 2, "known": 0, "refused": 1}
    [error] = await imports.errors(shown["id"])
    assert body.split("\n")[error["row"] - 1].count("x") + body.split("\n")[error["row"] - 1].count("never") == 1


async def test_errors_as_csv_and_in_pages(imports):
    shown = await imports.run(HEAD + 'Paid,never,u1,"a, ""b"""\n' * 5)
    path = f"{PATH}/{shown['id']}/errors"
    first = await imports.send("GET", path, kind={"Accept": "text/csv"}, limit=3)
    rest = await imports.send("GET", path, kind={"Accept": "text/csv"}, cursor=first.headers["next-cursor"])

    head, *found = [*csv.reader(io.StringIO(first.text)), *list(csv.reader(io.StringIO(rest.text)))[1:]]
    assert head == ["row", "column", "value", "reason", "detail", "raw"]
    assert [row[0] for row in found] == ["2", "3", "4", "5", "6"]
    assert found[0][1:4] == ["time", "never", "bad_time"]
    assert json.loads(found[0][5])["amount"] == 'a, "b"'
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
    assert counts(shown) == {"rows": 60, "stored": 60, "known": 0, "refused": 0}
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
        "column": None,
        "value": None,
    }
    assert (bad["row"], bad["event"], bad["reason"]) == (3, None, "bad_time")
    assert (bad["column"], bad["value"]) == ("time", "never")
    assert await imports.world.get(PATH) == {"items": [], "next_cursor": None}
    assert await imports.count() == 0


async def test_a_preview_of_json(imports):
    row = json.dumps({"event": "E", "time": WHEN, "anonymous_id": "a1", "message_id": "m1"})
    shown = (await imports.send("POST", f"{PATH}/preview", row, kind=JSONL, expect=200)).json()
    assert (shown["columns"], shown["delimiter"]) == ([], None)
    assert (shown["rows"][0]["distinct_id"], shown["rows"][0]["message_id"]) == ("a1", "m1")
    assert not shown["rows"][0]["is_identified"]


GBK = "event,time,user_id,city\n付款,2024-05-06,u1,北京市朝阳区\n".encode("gbk")


REFUSED = [
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
]


async def test_files_that_are_refused_whole(imports, subtests):
    for path in [PATH, f"{PATH}/preview"]:
        for body, kind, status, says in REFUSED:
            with subtests.test(path=path, body=body):
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
