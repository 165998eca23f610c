"""Files of recipients through the door: read once by a job, told row by row, counted beforehand, stopped and taken back."""

import gzip
import json

import pytest

from opsloop_common.due.rows import claim_due
from opsloop_common.due.work import DueWork
from opsloop_common.due.workers import beat, leave
from opsloop_common.limits import IMPORT_PART_BYTES, IMPORTS_AT_ONCE, RECIPIENT_IMPORT_DAYS
from opsloop_common.testing.due import run_recurring
from opsloop_notifications.app import SERVICE
from opsloop_notifications.recipient_imports import service as use_cases
from services.notifications.tests.recipient_files import CSV, KINDS, NDJSON, PATH, SAID, counts, files

__all__ = ["files"]

HEAD = "user_id,email,locale\n"


def rows(count, *, start=0):
    return HEAD + "".join(f"u{place},u{place}@example.test,en\n" for place in range(start, start + count))


async def test_a_file_is_read_by_a_job(files):
    made = await files.upload(rows(3), name="Shop", **SAID)
    assert (made["stage"], made["format"], made["rows"], made["name"]) == ("importing", "csv", 0, "Shop")
    assert files.answer.headers["location"].endswith(made["id"])

    await files.tick()

    shown = await files.shown(made["id"])
    assert (shown["stage"], counts(shown)) == ("done", (3, 3, 0, 0, 0, 0))
    job = await files.call("GET", f"/v1/jobs/{made['job_id']}")
    assert (job["status"], job["done"], job["total"]) == ("succeeded", len(rows(3)), len(rows(3)))
    assert await files.person("u1", "email", "state", "locale", "is_by_hand", "consent") == (
        "u1@example.test", "confirmed", "en", True, {"source": "checkout 2025", "at": "2025-06-01T00:00:00Z"},
    )  # fmt: skip
    assert await files.scalar("SELECT count(*) FROM recipient_import WHERE data IS NOT NULL") == 0
    assert [each["id"] for each in (await files.call("GET", PATH))["items"]] == [made["id"]]


async def test_the_same_file_again_changes_nothing(files):
    await files.run(rows(30), **SAID)
    assert counts(await files.run(rows(30), **SAID)) == (30, 0, 0, 30, 0, 0)


CHINESE = (
    "用户,邮箱,语言,姓名,时区,主题,同意来源,同意时间,备注\nu1,u1@example.test,zh-CN,李雷,Asia/Shanghai,新闻无,,,x\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
async def test_headings_in_chinese_as_office_programs_write_them(files, encoding, end):
    body = CHINESE.replace("新闻无", "news; -offers").replace("\n", end).encode(encoding)

    shown = await files.run(body, **SAID)

    assert (counts(shown), shown["ignored_columns"]) == ((1, 1, 0, 0, 0, 0), ["备注"])
    assert await files.person("u1", "email", "locale", "name", "time_zone") == (
        "u1@example.test", "zh-CN", "李雷", "Asia/Shanghai",
    )  # fmt: skip
    wanted = (await files.call("GET", "/v1/recipients/u1/preferences"))["topics"]
    assert [(each["topic"], each["channel"], each["is_on"]) for each in wanted] == [
        ("news", "email", True),
        ("offers", "email", False),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_cells_may_hold_what_divides_them(files, delimiter):
    body = delimiter.join(["user_id", "name"]) + f'\nu1{delimiter}"Mouse{delimiter}\nMickey"\n\nu2{delimiter}Minnie\n'

    assert counts(await files.run(body)) == (2, 2, 0, 0, 0, 0)
    assert await files.person("u1", "name") == (f"Mouse{delimiter}\nMickey",)


async def test_json_by_lines(files):
    lines = [
        {"user_id": "u1", "email": "u1@example.test", "consent": {"source": "form", "at": "2025-01-01T00:00:00Z"}},
        {"user_id": "u2", "email": "u2@example.test"},
        {"user_id": "u3", "nickname": "x"},
    ]
    shown = await files.run("\n".join(map(json.dumps, lines)) + "\n{\n[]\n", kind=NDJSON)

    assert counts(shown) == (5, 2, 0, 0, 3, 0)
    assert [await files.person(user, "state") for user in ("u1", "u2")] == [("confirmed",), ("unconfirmed",)]
    assert [(row, field) for row, field, _ in await files.errors(shown["id"])] == [
        (3, "/nickname"),
        (4, None),
        (5, None),
    ]


async def test_refused_rows_are_told_by_column_and_nothing_of_them_is_kept(files):
    body = (
        "用户,邮箱,时区,同意来源,同意时间\n"
        "u1,nobody-secret,,,\n"
        ",u2@example.test,,,\n"
        "u3,,Mars/Base,,\n"
        "u4,u4@example.test,,form,2999-01-01\n"
        "u5,u5@example.test,,form,\n"
        "u6,u6@example.test,,form,2025-01-01\n"
        "u7,,,,,too,many\n"
    )
    shown = await files.run(body)

    assert counts(shown) == (7, 1, 0, 0, 6, 0)
    errors = await files.errors(shown["id"])
    assert [(row, field) for row, field, _ in errors] == [
        (2, "邮箱"), (3, "用户"), (4, "时区"), (5, "同意时间"), (6, "同意时间"), (8, None),
    ]  # fmt: skip
    assert "secret" not in str(errors)
    assert await files.person("u6", "consent") == ({"source": "form", "at": "2025-01-01T00:00:00Z"},)


async def test_a_quotation_mark_that_is_never_closed_costs_its_line_alone(files, monkeypatch):
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 100)
    filling = "".join(f"f{place},{'x' * 90}\n" for place in range(2_000))
    body = 'user_id,name\nu1,good\nu2,"bad\n' + filling + "u3,good\n"

    shown = await files.run(body)

    assert counts(shown) == (2_003, 2_002, 0, 0, 1, 0)
    [(row, _, detail)] = await files.errors(shown["id"])
    assert row == 3
    assert "never closed" in detail


async def test_a_dry_run_counts_and_changes_nothing(files):
    await files.run(rows(2), **SAID)
    made = await files.upload(rows(3, start=1).replace(",en", ",fr") + "u9,nobody,\n", dry_run="true", **SAID)
    await files.tick()

    shown = await files.shown(made["id"])
    assert (shown["stage"], shown["is_dry_run"], counts(shown)) == ("done", True, (4, 2, 1, 0, 1, 0))
    assert (await files.person("u1", "locale"), await files.is_known("u2")) == (("en",), False)
    await files.call("POST", f"{PATH}/{made['id']}/undo", 409)


async def test_undo_puts_back_and_leaves_who_was_changed_since(files):
    await files.call("PUT", "/v1/recipients/u0", 201, json={"email": "old@example.test", "locale": "fr"})
    made = await files.run(rows(4) + "u1,,zh\n", **SAID)
    await files.call("PATCH", "/v1/recipients/u2", json={"name": "since"})
    await files.call("DELETE", "/v1/recipients/u3", 204)

    job = (await files.call("POST", f"{PATH}/{made['id']}/undo", 202))["job_id"]
    await files.tick()

    assert (await files.shown(made["id"]))["stage"] == "undone"
    assert (await files.call("GET", f"/v1/jobs/{job}"))["result"] == {"undone": 2, "changed_since": 1}
    assert await files.person("u0", "email", "locale", "state", "consent") == (
        "old@example.test",
        "fr",
        "confirmed",
        None,
    )
    assert [await files.is_known(user) for user in ("u1", "u2", "u3")] == [False, True, False]
    await files.call("POST", f"{PATH}/{made['id']}/undo", 200)


async def test_what_somebody_said_between_two_rows_of_a_file_is_not_undone(files, monkeypatch):
    monkeypatch.setattr(use_cases, "BLOCK_ROWS", 1)
    monkeypatch.setattr("opsloop_common.due.jobs.TURN_SECONDS", 0)
    made = await files.upload("user_id,name\nu1,first\nu1,second\n")
    owner = files.service.runtime.boot_id
    await _one_turn(files, owner)
    await files.call("PATCH", "/v1/recipients/u1", json={"name": "their own", "locale": "fr"})
    await files.tick()
    assert await files.person("u1", "name") == ("second",)

    await files.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await files.tick()

    assert await files.person("u1", "name", "locale") == ("second", "fr")


async def _one_turn(files, owner):
    await beat(files.service.db, owner, instance="one")
    work = DueWork(files.service.db, KINDS, owner=owner)
    async with files.service.db.transaction() as session:
        [item] = await claim_due(session, [(kind, 1) for kind in KINDS], now=files.service.clock.now(), owner=owner)
    await work.record([await work.perform(item)], owner=owner)
    await leave(files.service.db, owner)


async def test_cancel_and_then_undo(files):
    made = await files.upload(rows(3))
    cancelled = await files.call("POST", f"{PATH}/{made['id']}/cancel")
    await files.tick()

    assert (cancelled["stage"], counts(await files.shown(made["id"]))) == ("cancelled", (0,) * 6)
    assert not await files.is_known("u1")
    await files.call("POST", f"{PATH}/{made['id']}/cancel", 409)
    await files.call("POST", f"{PATH}/{made['id']}/undo", 202)
    await files.tick()
    assert (await files.shown(made["id"]))["stage"] == "undone"


async def test_what_cannot_be_read_is_told_at_once(files):
    for body, words in (
        ("", "is empty"),
        ("  \n", "is empty"),
        ("email\nx@example.test\n", "user_id (用户)"),
        ("user_id,邮箱,email\n", "two columns for email"),
        ("user_id," + ",".join(f"c{place}" for place in range(100)), "100 columns"),
        (b"\xff\xff\xff", "neither UTF-8"),
    ):
        refused = await files.upload(body, expect=422)
        assert words in refused["errors"][0]["detail"]
    await files.upload(rows(1), expect=415, kind={"Content-Type": "application/json"})
    await files.upload(b"x" * (IMPORT_PART_BYTES + 1), expect=413)
    await files.upload(rows(1), expect=422, consent_source="form")
    await files.upload(rows(1), expect=422, consent_source="form", consent_at="2999-01-01T00:00:00Z")
    await files.upload(rows(1), expect=422, colour="red")
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


async def test_who_may(files, service):
    made = await files.upload(rows(1))
    reader, other = await service.key("notifications:read"), await service.key(workspace="b")
    one = f"{PATH}/{made['id']}"
    for method, path in (("POST", f"{one}/cancel"), ("POST", f"{one}/undo")):
        assert (await service.client.request(method, path)).status_code == 401
        assert (await service.client.request(method, path, headers=reader)).status_code == 403
        assert (await service.client.request(method, path, headers=other)).status_code == 404
    for path in (one, f"{one}/errors"):
        assert (await service.client.get(path, headers=other)).status_code == 404
    assert (await service.client.post(PATH, content=rows(1), headers=reader | CSV)).status_code == 403
    assert (await service.client.get(PATH, headers=other)).json()["items"] == []


async def test_it_is_forgotten_when_it_is_old(files):
    await files.run(rows(2) + "u9,nobody,\n")
    files.service.clock.advance(RECIPIENT_IMPORT_DAYS * 86_400 + 1)
    await run_recurring(files.service.db, [kind for kind in SERVICE.due if "forget_recipient" in kind.name])

    for table in ("recipient_import", "recipient_import_error", "recipient_import_row"):
        assert await files.scalar(f"SELECT count(*) FROM {table}") == 0
    assert await files.is_known("u1")
