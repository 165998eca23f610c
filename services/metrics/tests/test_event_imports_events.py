"""What becomes of a file's events: whose they are, when they were, who brought them; and what happens at the same time."""

import asyncio
import json

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from opsloop_common.limits import IMPORTS_AT_ONCE
from opsloop_common.testing.due import run_due
from opsloop_metrics.app import SERVICE
from opsloop_metrics.event_imports import service

PATH = "/v1/imports"
WHEN = "2020-05-06T07:08:09Z"
CSV = {"Content-Type": "text/csv"}
JSONL = {"Content-Type": "application/x-ndjson"}


class Files:
    def __init__(self, world, store):
        self.world, self.store = world, store

    async def post(self, path, body=b"", *, expect=202, kind=CSV, headers=None, **params):
        given = {"content": body.encode() if isinstance(body, str) else body, "params": params}
        answer = await self.world.send("POST", path, headers=(headers or self.world.headers) | kind, **given)
        assert expect is None or answer.status_code == expect, answer.text
        return answer.json()

    async def run(self, body, **given):
        made = await self.post(PATH, body, **given)
        await run_due(self.world.api.db, SERVICE.due)
        return made["id"]

    async def ask(self, sql):
        return (await self.store.query(sql)).rows

    async def shown(self, id):
        return await self.world.get(f"{PATH}/{id}")


@pytest.fixture
def files(world_with_store, store):
    return Files(world_with_store, store)


def lines(*rows):
    return "\n".join(json.dumps({"event": "E", "time": WHEN} | row) for row in rows)


async def test_an_anonymous_id_and_a_user_in_one_row_are_one_person(files):
    rows = lines({"anonymous_id": "a1"}, {"anonymous_id": "a1", "user_id": "u1"}, {"user_id": "u1"}, {"user_id": "u2"})
    await files.run(rows, kind=JSONL)
    people = (await files.world.get("/v1/users"))["items"]
    assert {each["user_id"] for each in people} == {"u1", "u2"}
    shown = await files.world.get("/v1/users/a1")
    assert (shown["user_id"], shown["distinct_ids"]) == ("u1", ["a1", "u1"])


async def test_traits_come_with_identify(files):
    await files.run(lines({"event": "$identify", "user_id": "u1", "plan": "专业版"}), kind=JSONL)
    assert (await files.world.get("/v1/users/u1"))["traits"] == {"plan": "专业版"}


async def test_a_page_says_where_it_came_from(files):
    page = {"event": "$pageview", "user_id": "u1", "url": "https://shop.example/a?utm_source=ad&utm_campaign=spring"}
    await files.run(lines(page | {"referrer": "https://www.google.com/"}), kind=JSONL)
    found = await files.ask("SELECT kind, host, path, utm_source, utm_campaign, referrer_host FROM opsloop.event")
    assert found == [["page", "shop.example", "/a", "ad", "spring", "www.google.com"]]


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        ("1970-01-02", "1970-01-02 00:00:00"),
        ("1999-12-31T23:59:59+08:00", "1999-12-31 15:59:59"),
        ("2020-02-29 12:00:00", "2020-02-29 12:00:00"),
        ("20200229", "2020-02-29 00:00:00"),
        ("1582977600", "2020-02-29 12:00:00"),
        ("1582977600000", "2020-02-29 12:00:00"),
    ],
)
async def test_times_years_back_stay_as_they_are(files, time, stored):
    await files.run(f"event,time,user_id\nE,{time},u1\n")
    [[at, skew]] = await files.ask("SELECT time, skew_ms FROM opsloop.event")
    assert at.startswith(stored)
    assert int(skew) == 0


@pytest.mark.parametrize("time", ["2026-11-24T09:00:00Z", "2147-01-01", "9999-12-31", "1969-12-31", "-1e20", "ahead"])
async def test_times_that_cannot_be_are_refused(files, time):
    id = await files.run(f"event,time,user_id\nE,{time},u1\n")
    [error] = (await files.world.get(f"{PATH}/{id}/errors"))["items"]
    assert (error["row"], error["reason"]) == (2, "bad_time")


async def test_events_say_which_import_and_whose_key_brought_them(files):
    partner = await files.world.api.key("metrics:write", source="partner")
    answer = await files.post(PATH, lines({"user_id": "u1"}), kind=JSONL, headers=partner)
    await run_due(files.world.api.db, SERVICE.due)
    [[import_id, source, library]] = await files.ask("SELECT import_id, source, library FROM opsloop.event")
    assert (import_id, source, library) == (answer["id"], "partner", "import")


async def test_what_was_done_is_audited_and_holds_no_words(files):
    id = await files.run(lines({"user_id": "private.person"}), kind=JSONL, name="My private words")
    await files.post(f"{PATH}/{id}/undo")
    other = await files.post(PATH, lines({"user_id": "u"}), kind=JSONL, more="true")
    await files.post(f"{PATH}/{other['id']}/cancel", expect=200)
    async with files.world.api.db.transaction(Context("acme")) as session:
        found = (await session.execute(text("SELECT action, subject, after FROM audit ORDER BY id"))).all()
    told = [row.action for row in found if row.subject.startswith("event_import/")]
    assert told == ["event_import.created", "event_import.undone", "event_import.created", "event_import.cancelled"]
    assert "private" not in str(found)


async def test_two_workspaces_import_the_same_file_each_for_itself(files):
    body = lines({"user_id": "u1"}, {"user_id": "u2"})
    ours = await files.run(body, kind=JSONL)
    headers = await files.world.api.key("metrics:read", "metrics:write", workspace="other")
    theirs = await files.run(body, kind=JSONL, headers=headers)
    counted = await files.ask("SELECT workspace, count() FROM opsloop.event GROUP BY 1 ORDER BY 1")
    assert [[workspace, int(count)] for workspace, count in counted] == [["acme", 2], ["other", 2]]

    await files.post(f"{PATH}/{theirs}/undo", headers=headers)
    await run_due(files.world.api.db, SERVICE.due)

    assert [row[0] for row in await files.ask("SELECT DISTINCT workspace FROM opsloop.event")] == ["acme"]
    assert (await files.shown(ours))["stored"] == 2


@pytest.mark.parametrize("at", [1, 3, 47, 48, 49, 50, 51, 60])
async def test_a_part_may_end_anywhere(files, monkeypatch, at):
    monkeypatch.setattr(service, "CHUNK_BYTES", 13)
    monkeypatch.setattr(service, "BLOCK_CHUNKS", 1_000)
    data = f"event,time,user_id,city\n付款,{WHEN},u1,北京\n付款,{WHEN},u2,上海\n".encode()
    if at < 24:  # the header has to come whole
        await files.post(PATH, data[:at], expect=422, more="true")
        return
    made = await files.post(PATH, data[:at], more="true")
    await files.post(f"{PATH}/{made['id']}/parts/2", data[at:], expect=200)
    await files.post(f"{PATH}/{made['id']}/start")
    await run_due(files.world.api.db, SERVICE.due)
    assert (await files.shown(made["id"]))["stored"] == 2
    assert {row[0] for row in await files.ask("SELECT event FROM opsloop.event")} == {"付款"}


async def test_the_same_part_twice_at_once_comes_once(files):
    made = await files.post(PATH, lines({"user_id": "u1"}) + "\n", kind=JSONL, more="true")
    part = lines({"user_id": "u2"}) + "\n"
    path = f"{PATH}/{made['id']}/parts/2"
    found = await asyncio.gather(*(files.post(path, part, kind=JSONL, expect=200) for _ in range(4)))
    assert {(each["parts"], each["size"]) for each in found} == {(2, made["size"] + len(part))}


async def test_many_at_once_keep_to_the_bound(files):
    body = lines({"user_id": "u1"})
    posts = (files.post(PATH, body, kind=JSONL, expect=None, more="true") for _ in range(IMPORTS_AT_ONCE + 3))
    found = await asyncio.gather(*posts)
    assert sum("id" in each for each in found) == IMPORTS_AT_ONCE
    assert {each["status"] for each in found if "id" not in each} == {409}


@pytest.mark.parametrize(
    ("format", "row", "event", "distinct_id"),
    [
        ("csv", f"event,time,user_id\n付款,{WHEN},用户\n", "付款", "用户"),
        ("jsonl", lines({"anonymous_id": "a"}), "E", "a"),
        ("mixpanel", '{"event":"M","properties":{"time":1588748889,"distinct_id":"m"}}', "M", "m"),
        ("ga4", '{"event_name":"G","event_timestamp":"1588748889000000","user_pseudo_id":"g"}', "G", "g"),
    ],
)
async def test_a_preview_of_each_format(files, format, row, event, distinct_id):
    shown = await files.post(f"{PATH}/preview", row, expect=200, format=format)
    [found] = shown["rows"]
    assert (shown["format"], found["event"], found["distinct_id"], found["time"]) == (format, event, distinct_id, WHEN)
    assert (found["reason"], found["message_id"]) == (None, None)


async def test_a_job_that_is_cancelled_says_so(files):
    made = await files.post(PATH, lines({"user_id": "u1"}), kind=JSONL)
    await files.post(f"{PATH}/{made['id']}/cancel", expect=200)
    assert (await files.world.get(f"/v1/jobs/{made['job_id']}"))["status"] == "cancelled"
    await run_due(files.world.api.db, SERVICE.due)
    assert await files.ask("SELECT 1 FROM opsloop.event") == []
