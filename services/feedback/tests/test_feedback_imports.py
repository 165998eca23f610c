"""Files of posts through the door: read once by a job, told row by row, counted beforehand, stopped and taken back."""

import gzip
import json

import pytest

from opsloop_common.limits import FEEDBACK_IMPORT_DAYS, IMPORT_PART_BYTES, IMPORTS_AT_ONCE
from opsloop_common.testing.due import run_recurring
from opsloop_feedback.app import SERVICE
from opsloop_feedback.feedback_imports import service as use_cases
from services.feedback.tests.feedback_files import CSV, JSON, NDJSON, PATH, counts, files

__all__ = ["files"]

HEAD = "external_id,body,email\n"


def rows(count, *, start=0):
    return HEAD + "".join(
        f"p{place},Post number {place} fails,u{place}@example.test\n" for place in range(start, start + count)
    )


async def test_a_file_is_read_by_a_job(files):
    made = await files.upload(rows(3), name="Old desk", tag="from-old-desk")
    assert (made["stage"], made["format"], made["type"], made["rows"]) == ("importing", "opsloop", "csv", 0)
    assert files.answer.headers["location"].endswith(made["id"])

    await files.tick()

    shown = await files.shown(made["id"])
    assert (shown["stage"], shown["name"], counts(shown)) == ("done", "Old desk", (3, 3, 0, 0))
    job = await files.call("GET", f"/v1/jobs/{made['job_id']}")
    assert (job["status"], job["done"], job["total"]) == ("succeeded", len(rows(3)), len(rows(3)))
    posts = await files.posts(tag="from-old-desk")
    assert [(post["external_id"], post["author"]["email"]) for post in posts] == [
        ("p0", "u0@example.test"), ("p1", "u1@example.test"), ("p2", "u2@example.test"),
    ]  # fmt: skip
    assert await files.scalar("SELECT count(*) FROM feedback_import WHERE data IS NOT NULL") == 0
    assert [each["id"] for each in (await files.call("GET", PATH))["items"]] == [made["id"]]


async def test_the_same_file_again_brings_nothing_new(files):
    unnamed = "body,occurred_at\nIt fails,2024-01-05\nIt fails,2024-01-06\nIt fails,2024-01-05\n"

    assert counts(await files.run(rows(30))) == (30, 30, 0, 0)
    assert counts(await files.run(rows(30))) == (30, 0, 30, 0)
    assert counts(await files.run(unnamed)) == (3, 2, 1, 0)
    assert counts(await files.run(unnamed)) == (3, 0, 3, 0)


CHINESE = "编号,内容,用户,姓名,标签,时间,状态,票数,备注,没有\nf1,导出失败,u1,李雷,导出；支付,2024-03-01 08:00:00,已解决,12,内部,x\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_headings_in_chinese_as_office_programs_write_them(files, encoding, end):
    shown = await files.run(CHINESE.replace("\n", end).encode(encoding))

    assert (counts(shown), shown["ignored_columns"]) == ((1, 1, 0, 0), ["没有"])
    [post] = await files.posts()
    assert (post["external_id"], post["body"], post["author"]["user_id"], post["author"]["name"]) == (
        "f1", "导出失败", "u1", "李雷",
    )  # fmt: skip
    assert (post["tags"], post["occurred_at"], post["status"], post["affected_users"]) == (
        ["导出", "支付"], "2024-03-01T08:00:00Z", "resolved", 12,
    )  # fmt: skip
    assert post["attributes"] == {"original_status": "已解决"}
    assert [message[:2] for message in await files.messages(post["id"])] == [("note", "内部")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_cells_may_hold_what_divides_them(files, delimiter):
    body = delimiter.join(["external_id", "body"]) + f'\nf1{delimiter}"Mouse{delimiter}\nMickey"\n\nf2{delimiter}=1+1\n'

    assert counts(await files.run(body)) == (2, 2, 0, 0)
    assert [post["body"] for post in await files.posts()] == [f"Mouse{delimiter}\nMickey", "=1+1"]


async def test_columns_are_named_by_whoever_knows_the_file(files):
    body = "Nr,Was,Plan,body\nf1,It fails,pro,not this\n"
    mapping = ["external_id:Nr", "body:Was", "attributes.plan:Plan"]

    shown = await files.run(body, column=mapping)

    [post] = await files.posts()
    assert (post["external_id"], post["body"], post["attributes"]) == ("f1", "It fails", {"plan": "pro"})
    assert shown["ignored_columns"] == []
    for wrong in (["body"], ["nothing:Was"], ["body:"], ["body:Was", "body:Nr"], ["body:Absent"], ["attributes.:Was"]):
        await files.upload(body, expect=422, column=wrong)
    await files.upload("[]", expect=422, kind=JSON, column=["body:Was"])


async def test_json_by_lines_and_as_one_list(files):
    posts = [
        {
            "external_id": "f1",
            "body": "It fails",
            "status": "closed",
            "votes": 3,
            "attributes": {"plan": {"name": "pro"}},
        },
        {"body": "No id", "channel": "phone"},
        {"external_id": "f3", "body": "x", "nickname": "x"},
        {
            "external_id": "f4",
            "body": "x",
            "messages": [{"kind": "reply", "body": "We know.", "at": "2024-01-01T00:00:00Z"}],
        },
    ]
    by_lines = await files.run("\n".join(map(json.dumps, posts)) + "\n{\n[]\n", kind=NDJSON)
    assert counts(by_lines) == (6, 3, 0, 3)
    assert [(row, field) for row, field, _ in await files.errors(by_lines["id"])] == [
        (3, "/nickname"),
        (5, None),
        (6, None),
    ]

    for whole in (posts, {"posts": posts}, {"data": {"payload": posts}}):
        assert counts(await files.run(json.dumps(whole), kind=JSON)) == (4, 0, 3, 1)
    by_id = {post["external_id"]: post for post in await files.posts()}
    assert (by_id["f1"]["status"], by_id["f1"]["affected_users"], by_id["f1"]["attributes"]) == (
        "closed", 3, {"plan": {"name": "pro"}},
    )  # fmt: skip
    assert by_id["f4"]["first_replied_at"] == "2024-01-01T00:00:00Z"
    assert await files.messages(by_id["f4"]["id"]) == [("reply", "We know.", "2024-01-01T00:00:00Z")]


async def test_refused_rows_are_told_by_column_and_nothing_of_them_is_kept(files):
    body = (
        "编号,内容,邮箱,评分,时间,票数,渠道\n"
        "f1,ok,nobody-secret,,,,\n"
        "f2,,,,,,\n"
        "f3,ok,,9,,,\n"
        "f4,ok,,,2999-01-01,,\n"
        "f5,ok,,,last week,,\n"
        "f6,ok,,,,many,\n"
        "f7,ok,,,,,pigeon\n"
        "f8,o\0k,,,,,\n"
        f"{'x' * 201},ok,,,,,\n"
        "f10,ok,,,,,,too,many\n"
        "f11,ok,,,,,\n"
    )
    shown = await files.run(body)

    assert counts(shown) == (11, 1, 0, 10)
    errors = await files.errors(shown["id"])
    assert [(row, field) for row, field, _ in errors] == [
        (2, "邮箱"), (3, "内容"), (4, "评分"), (5, "时间"), (6, "时间"), (7, "票数"), (8, "渠道"), (9, "内容"), (10, "编号"), (11, None),
    ]  # fmt: skip
    assert "secret" not in str(errors)


async def test_a_huge_cell_and_a_quotation_mark_that_is_never_closed_cost_their_line_alone(files):
    body = "external_id,body\nf1,good\n" + f"f2,{'x' * 140_000}\n" + f"f3,{'y' * 50_001}\n" + 'f4,"bad\n'
    body += "".join(f"f{place},{'x' * 200}\n" for place in range(10, 3_000))

    shown = await files.run(body)

    assert counts(shown) == (2_994, 2_991, 0, 3)
    assert [(row, field) for row, field, _ in await files.errors(shown["id"])] == [(3, None), (4, "body"), (5, None)]


async def test_a_dry_run_counts_and_changes_nothing(files, monkeypatch):
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 2)
    await files.run(rows(2))
    body = rows(4, start=1) + "p9,,\n" + "p4,Again,\n"

    made = await files.run(body, dry_run="true")

    assert (made["stage"], made["is_dry_run"], counts(made)) == ("done", True, (6, 3, 2, 1))
    assert len(await files.posts()) == 2
    assert await files.scalar("SELECT count(*) FROM feedback_import_key") == 0
    await files.call("POST", f"{PATH}/{made['id']}/undo", 409)
    assert counts(await files.run(body)) == counts(made)


async def test_undo_removes_what_nobody_worked_on(files, monkeypatch):
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 2)
    made = await files.run(rows(6) + "p6,Reported,x@example.test\n")
    await files.hear()
    posts = {post["external_id"]: post["id"] for post in await files.posts()}
    await files.desk.patch(posts["p1"], severity="s1")
    note = {"kind": "note", "body": "Ours"}
    await files.call("POST", f"/v1/feedback/{posts['p2']}/messages", 201, json=note)
    await files.call("POST", f"/v1/feedback/{posts['p3']}/merge", json={"into": posts["p4"]})
    assert (await files.call("GET", "/v1/search", params={"q": "number fails"}))["items"]

    job = (await files.call("POST", f"{PATH}/{made['id']}/undo", 202))["job_id"]
    await files.tick()

    shown = await files.shown(made["id"])
    assert (shown["stage"], shown["removed"], shown["kept"]) == ("undone", 3, 4)
    assert (await files.call("GET", f"/v1/jobs/{job}"))["result"] == {"removed": 3, "kept": 4}
    left = {post["external_id"] for post in await files.posts()}
    assert left == {"p1", "p2", "p3", "p4"}
    found = await files.scalar("SELECT count(DISTINCT feedback_id) FROM feedback_token")
    assert found == await files.scalar("SELECT count(*) FROM indexed_feedback") == 4
    await files.call("POST", f"{PATH}/{made['id']}/undo", 200)
    assert counts(await files.run(rows(6)))[1:3] == (2, 4)


async def test_cancel_and_then_undo(files):
    made = await files.upload(rows(3))
    cancelled = await files.call("POST", f"{PATH}/{made['id']}/cancel")
    await files.tick()

    assert (cancelled["stage"], counts(await files.shown(made["id"]))) == ("cancelled", (0,) * 4)
    assert await files.posts() == []
    await files.call("POST", f"{PATH}/{made['id']}/cancel", 409)
    await files.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await files.tick()
    assert (await files.shown(made["id"]))["stage"] == "undone"


async def test_what_cannot_be_read_is_told_at_once(files):
    for body, kind, words in (
        ("", CSV, "is empty"),
        ("  \n", CSV, "is empty"),
        ("email\nx@example.test\n", CSV, "body (内容)"),
        ("body," + ",".join(f"c{place}" for place in range(200)), CSV, "200 columns"),
        (b"\xff\xff\xff", CSV, "neither UTF-8"),
        ("{", JSON, "is not JSON"),
        ('{"a": 1}', JSON, "no list of posts"),
        ("[" * 40 + "]" * 40, JSON, "is not JSON"),
    ):
        refused = await files.upload(body, expect=422, kind=kind)
        assert words in refused["errors"][0]["detail"]
    await files.upload(rows(1), expect=415, kind={"Content-Type": "text/plain"})
    await files.upload(b"x" * (IMPORT_PART_BYTES + 1), expect=413)
    await files.upload(gzip.compress(b"x" * (IMPORT_PART_BYTES + 1)), expect=413, headers={"Content-Encoding": "gzip"})
    await files.upload("[" + "{}," * 60_000 + "{}]", expect=422, kind=JSON)
    await files.upload(rows(1), expect=422, colour="red")
    await files.upload(rows(1), expect=422, format="excel")
    assert (await files.call("GET", PATH))["items"] == []


async def test_a_packed_file_and_a_key_that_is_used_twice(files):
    packed = gzip.compress(rows(9).encode())
    key = {"Content-Encoding": "gzip", "Idempotency-Key": "k1"}
    first = await files.upload(packed, headers=key)
    again = await files.upload(packed, headers=key)
    await files.upload(gzip.compress(rows(8).encode()), headers=key, expect=422)
    await files.tick()

    assert (again["id"], counts(await files.shown(first["id"]))[1]) == (first["id"], 9)


async def test_files_on_their_way_are_few(files):
    for _ in range(IMPORTS_AT_ONCE):
        await files.upload(rows(1))
    await files.upload(rows(1), expect=409)
    await files.tick()
    await files.upload(rows(1))


async def test_who_may(files, desk):
    made = await files.upload(rows(1))
    reader, other = await desk.api.key("feedback:read"), await desk.api.key(workspace="b")
    submitter = await desk.api.key("feedback:submit")
    one = f"{PATH}/{made['id']}"
    for method, path in (("POST", f"{one}/cancel"), ("POST", f"{one}/undo")):
        assert (await desk.client.request(method, path)).status_code == 401
        assert (await desk.client.request(method, path, headers=reader)).status_code == 403
        assert (await desk.client.request(method, path, headers=other)).status_code == 404
    for path in (one, f"{one}/errors"):
        assert (await desk.client.get(path, headers=other)).status_code == 404
        assert (await desk.client.get(path, headers=submitter)).status_code == 403
    for key in (reader, submitter):
        assert (await desk.client.post(PATH, content=rows(1), headers=key | CSV)).status_code == 403
    assert (await desk.client.get(PATH, headers=other)).json()["items"] == []


async def test_it_is_forgotten_when_it_is_old(files):
    await files.run(rows(2) + "p9,,\n")
    files.desk.api.clock.advance(FEEDBACK_IMPORT_DAYS * 86_400 + 1)
    await run_recurring(files.desk.api.db, [kind for kind in SERVICE.due if "forget_feedback_imports" in kind.name])

    for table in ("feedback_import", "feedback_import_error"):
        assert await files.scalar(f"SELECT count(*) FROM {table}") == 0
    assert len(await files.posts()) == 2
