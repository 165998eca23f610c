"""Files whose rows are no events go the same way: in parts, on from where they stood, cancelled, in two workspaces."""

from __future__ import annotations

import asyncio
import gzip
from datetime import UTC

import pytest

from opsloop_common import failpoints
from opsloop_common.db import Context
from opsloop_common.ids import uuid7
from opsloop_metrics.capture.rules import Problem
from opsloop_metrics.event_files.rules import Format, Row
from opsloop_metrics.event_imports import service, tables
from services.metrics.tests.event_imports import PATH, counts, imports

__all__ = ["imports"]
ORDERS = "order_id,user_id,amount,currency,time\n"
DOWNLOADS = "day,store,app,country,downloads\n"
KINDS = {
    "orders": (ORDERS, lambda place: f"o{place},u1,1,CNY,2026-03-01\n", "o1,u1,never,CNY,2026-03-01\n"),
    "store_downloads": (DOWNLOADS, lambda place: f"2026-03-01,s,a{place},CN,1\n", "2026-03-01,s,a,CN,never\n"),
}
LISTS = {"orders": "/v1/orders", "store_downloads": "/v1/store-downloads"}


def a_file(kind, count, bad=0):
    head, row, wrong = KINDS[kind]
    return head + "".join(map(row, range(count))) + wrong * bad


async def held(imports, kind):
    return len((await imports.world.get(LISTS[kind], limit=200))["items"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["metrics.import_stored", "metrics.import_noted"])
async def test_what_fails_goes_on_where_it_stood(imports, monkeypatch, place, kind):
    """20 rows and 3 bad ones in blocks of 5; the job fails three times, before or after a block was noted."""
    monkeypatch.setattr(service, "TABLE_ROWS", 5)
    made = await imports.upload(a_file(kind, 20, bad=3), format=kind)
    for _ in range(3):
        monkeypatch.setenv(failpoints.VARIABLE, f"{place}:raise:1")
        with pytest.raises(failpoints.Struck):
            await imports.tick()
        monkeypatch.delenv(failpoints.VARIABLE)
        imports.world.api.clock.advance(3_600)
    await imports.tick()

    shown = await imports.shown(made["id"])
    assert (shown["stage"], counts(shown)) == ("done", {"rows": 23, "stored": 20, "known": 0, "refused": 3})
    assert (await held(imports, kind), len(await imports.errors(made["id"]))) == (20, 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_in_parts_and_packed(imports, kind):
    data = a_file(kind, 12).encode()
    made = await imports.upload(data[:90], format=kind, more="true")
    packed = {"Content-Encoding": "gzip"}
    path = f"{PATH}/{made['id']}"
    await imports.send("POST", f"{path}/parts/2", gzip.compress(data[90:]), headers=packed, expect=200)
    await imports.send("POST", f"{path}/start", expect=202)
    await imports.tick()

    assert counts(await imports.shown(made["id"])) == {"rows": 12, "stored": 12, "known": 0, "refused": 0}


@pytest.mark.parametrize("kind", KINDS)
async def test_cancelled_what_was_stored_stays_until_it_is_taken_back(imports, monkeypatch, kind):
    monkeypatch.setattr(service, "TABLE_ROWS", 5)
    made = await imports.upload(a_file(kind, 20), format=kind)
    monkeypatch.setenv(failpoints.VARIABLE, "metrics.import_noted:raise:1")
    with pytest.raises(failpoints.Struck):
        await imports.tick()
    monkeypatch.delenv(failpoints.VARIABLE)
    await imports.send("POST", f"{PATH}/{made['id']}/cancel", expect=200)
    imports.world.api.clock.advance(3_600)
    await imports.tick()
    assert (await held(imports, kind), (await imports.shown(made["id"]))["stage"]) == (5, "cancelled")

    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    await imports.tick()

    assert (await held(imports, kind), (await imports.shown(made["id"]))["stage"]) == (0, "undone")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_row_that_is_too_large_or_too_wide_is_refused_alone(imports, kind):
    head, row, _ = KINDS[kind]
    body = head.encode() + row(1).encode() + b"x" * 1_100_000 + b"\n" + row(2).encode() + b",,,,,,,,more\n"

    shown = await imports.run(body, format=kind)

    assert counts(shown) == {"rows": 4, "stored": 2, "known": 0, "refused": 2}
    reasons = [error["reason"] for error in await imports.errors(shown["id"])]
    assert reasons == ["too_large", "bad_properties"]


async def test_columns_of_other_names_are_for_events_and_never_passed_over(imports, subtests):
    for path in [PATH, f"{PATH}/preview"]:
        for format in ["orders", "store_downloads", "mixpanel", "ga4"]:
            with subtests.test(path=path, format=format):
                given = {"user_id_column": "客户", "time_column": "日期"}

                answer = await imports.send("POST", path, ORDERS, format=format, expect=422, **given)

                assert [error["pointer"] for error in answer.json()["errors"]] == [f"/query/{name}" for name in given]
                assert f"for the formats csv and jsonl; columns of {format}" in answer.json()["errors"][0]["detail"]


async def test_no_event_comes_of_such_a_file(imports):
    await imports.run(a_file("orders", 3), format="orders")

    assert await imports.count() == 0
    assert (await imports.world.get("/v1/users"))["items"] == []


def orders_of(ids):
    """Return rows of orders in this order, and what they say; an id of None is a row that is refused."""
    rows = [
        Row(place, {"order_id": id or "", "user_id": "u1", "amount": "1", "currency": "CNY", "time": "2026-03-01"})
        for place, id in enumerate(ids, 2)
    ]
    return rows, [tables.read_row(row, Format.ORDERS, UTC) for row in rows]


async def take(imports, ids):
    rows, read = orders_of(ids)
    async with imports.world.api.db.transaction(Context("acme")) as session:
        return await tables.take(session, Format.ORDERS, uuid7(), rows, read)


async def test_files_that_name_the_same_orders_backwards_do_not_wait_for_each_other_for_ever(imports):
    """100 orders from the first to the last and from the last to the first, at once, twice each: every one is stored once."""
    ids = [f"o{place:03}" for place in range(100)]

    taken = await asyncio.gather(*(take(imports, each) for each in (ids, ids[::-1]) * 2))

    outcomes = [str(outcome) for each in taken for outcome in each.outcomes.values()]
    assert (outcomes.count("stored"), outcomes.count("known")) == (100, 300)


async def test_a_row_keeps_its_number_whatever_the_order_in_which_rows_are_taken(imports):
    """Rows 2 and 5 tell of o9 differently: the file's first stands, 5 is refused. 3 and 6 have no id. o1 is taken before o9."""
    rows, read = orders_of(["o9", None, "o1", "o9", None])
    rows[3].value["amount"] = "2"
    read[3] = tables.read_row(rows[3], Format.ORDERS, UTC)
    async with imports.world.api.db.transaction(Context("acme")) as session:
        taken = await tables.take(session, Format.ORDERS, uuid7(), rows, read)

    assert [(type(each), each.index, str(each.reason)) for each in taken.problems] == [
        (Problem, 3, "missing_id"),
        (Problem, 5, "conflict"),
        (Problem, 6, "missing_id"),
    ]
    assert sorted(taken.outcomes) == [2, 4]
