"""Pages: every row once, in order, also while rows are added; cursors that nobody can make up."""

import asyncio
import json
import time

import pytest
from pydantic import BaseModel, field_validator
from sqlalchemy import select

from opsloop_common.db import Context
from opsloop_common.http import paging
from opsloop_common.http.paging import Page, paginate
from opsloop_common.limits import LOOP_BREATH_SECONDS
from opsloop_common.testing.sample.service import SAMPLE
from opsloop_common.testing.sample.tables import Note


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


async def add(sample, *texts, **columns):
    async with sample.db.transaction(Context("acme")) as session:
        session.add_all(Note(workspace="acme", text=text, **columns) for text in texts)


async def read_all(sample, key, path, *, between=None):
    found, cursor = [], ""
    while cursor is not None:
        answer = await sample.client.get(f"{path}&cursor={cursor}" if cursor else path, headers=key)
        assert answer.status_code == 200, answer.text
        found += [item["text"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if between is not None:
            await between()
    return found


async def test_every_row_comes_once_newest_first_while_rows_are_added(sample):
    key = await sample.key("sample:read")
    for number in range(7):
        await add(sample, f"n{number}")

    async def more():
        await add(sample, "later")

    assert await read_all(sample, key, "/v1/notes?limit=3", between=more) == [
        f"n{number}" for number in range(6, -1, -1)
    ]


async def test_rows_of_one_moment_are_told_apart_by_id(sample):
    key = await sample.key("sample:read")
    await add(sample, *(f"n{number}" for number in range(9)), created_at=sample.clock.now())

    found = await read_all(sample, key, "/v1/notes?limit=2")

    assert sorted(found) == [f"n{number}" for number in range(9)]


async def test_the_default_page_has_fifty(sample):
    key = await sample.key("sample:read")
    await add(sample, *(f"n{number}" for number in range(51)))

    assert len((await sample.client.get("/v1/notes", headers=key)).json()["items"]) == 50
    assert len((await sample.client.get("/v1/notes?limit=200", headers=key)).json()["items"]) == 51


async def test_a_bad_limit_or_cursor_is_422(sample):
    key = await sample.key("sample:read")
    await add(sample, "a", "b")
    cursor = (await sample.client.get("/v1/notes?limit=1", headers=key)).json()["next_cursor"]
    changed = cursor[:-3] + ("AAA" if cursor[-3:] != "AAA" else "BBB")

    for query in ("limit=0", "limit=201", "limit=x", "limit=", "cursor=x", f"cursor={changed}", "cursor=" + "x" * 3000):
        answer = await sample.client.get(f"/v1/notes?{query}", headers=key)
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["pointer"] == f"/query/{query.partition('=')[0]}"
    admin = await sample.key("sample:admin")
    elsewhere = await sample.client.get(f"/v1/api-keys?cursor={cursor}", headers=admin)
    assert elsewhere.status_code == 422


async def test_mixed_orders_and_several_columns(sample):
    for version, text in ((1, "b"), (1, "a"), (2, "c"), (2, "a"), (1, "c")):
        await add(sample, text, version=version)
    page = Page(2, None, sample.runtime.secrets, "cursor test")
    found = []
    async with sample.db.transaction(Context("acme")) as session:
        while True:
            rows = await paginate(
                session, select(Note.version, Note.text), page, by=[Note.version.desc(), Note.text.asc()]
            )
            found += [(row.version, row.text) for row in rows.items]
            if rows.next_cursor is None:
                break
            last = rows.items[-1]
            page = Page(2, [last.version, last.text], sample.runtime.secrets, "cursor test")

    assert found == [(2, "a"), (2, "c"), (1, "a"), (1, "b"), (1, "c")]


async def test_a_page_ends_with_the_row_that_fills_it(sample, monkeypatch):
    monkeypatch.setattr(paging, "LIST_CHARACTERS", 10_000)
    key = await sample.key("sample:read")
    await add(sample, *(str(n) + "x" * 3_000 for n in range(50)))

    first = (await sample.client.get("/v1/notes?limit=200", headers=key)).json()
    found = await read_all(sample, key, "/v1/notes?limit=200")

    assert len(first["items"]) == 3
    assert sorted(text.rstrip("x") for text in found) == sorted(map(str, range(50)))
    assert len(found) == 50


async def test_a_page_of_one_large_row_goes_on(sample, monkeypatch):
    monkeypatch.setattr(paging, "LIST_CHARACTERS", 1)
    key = await sample.key("sample:read")
    await add(sample, "a", "b", "c")

    assert sorted(await read_all(sample, key, "/v1/notes?limit=200")) == ["a", "b", "c"]


async def test_a_page_is_written_while_others_go_on():
    class Slow(BaseModel):
        text: str

        @field_validator("text")
        @classmethod
        def check(cls, value: str) -> str:
            time.sleep(LOOP_BREATH_SECONDS)  # what is slow about it
            return value

    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    answer = await paging.PageOf([{"text": "a"}] * 10, None).written(Slow)
    ticking.cancel()

    assert json.loads(answer.body) == {"items": [{"text": "a"}] * 10, "next_cursor": None}
    assert ticks >= 10
