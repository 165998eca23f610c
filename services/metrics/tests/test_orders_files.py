"""Files of orders: what a row says, and through the door read once, told row by row, and taken back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsloop_metrics.orders import rules
from opsloop_metrics.orders.rules import Kind, Money, Order, RefundRow, missing
from services.metrics.tests.event_imports import PATH, counts, imports
from services.metrics.tests.shop import Shop, refusal

__all__ = ["imports"]
HEAD = "order_id,user_id,amount,currency,time,type,product,refund_id,reason\n"
FILE = (
    HEAD
    + "o1,u1,19.99,CNY,2026-03-01T10:00:00Z,purchase,专业版,,\n"
    + "o2,u2,1999,JPY,2026-03-01T11:00:00Z,subscription,,,\n"
    + "o1,,-5,CNY,2026-03-02T10:00:00Z,,,,太小\n"
    + "o2,,999,JPY,2026-03-03,refund,,r1,\n"
)
AT = datetime(2026, 3, 1, 10, tzinfo=UTC)
ROW = {"order_id": "o1", "user_id": "u1", "amount": "19.99", "currency": "CNY", "time": "2026-03-01T10:00:00Z"}


def read_row(row, zone=UTC):
    return rules.read_row(row, zone)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("changed", "read"),
    [
        ({}, Order("o1", "u1", Money(1999, "CNY"), AT)),
        ({"currency": "cny"}, Order("o1", "u1", Money(1999, "CNY"), AT)),
        ({"type": "order"}, Order("o1", "u1", Money(1999, "CNY"), AT)),
        ({"type": "Renewal"}, Order("o1", "u1", Money(1999, "CNY"), AT, Kind.RENEWAL)),
        ({"amount": "1999", "currency": "JPY"}, Order("o1", "u1", Money(1999, "JPY"), AT)),
        ({"amount": "0"}, Order("o1", "u1", Money(0, "CNY"), AT)),
        (
            {"product": "专业版", "source": "商店"},
            Order("o1", "u1", Money(1999, "CNY"), AT, Kind.PURCHASE, "专业版", "商店"),
        ),
        ({"time": "2026/3/1 10:00"}, Order("o1", "u1", Money(1999, "CNY"), AT)),
        ({"time": "1772359200"}, Order("o1", "u1", Money(1999, "CNY"), AT)),
    ],
    ids=str,
)
def test_a_row_is_an_order(changed, read):
    assert read_row(ROW | changed) == read


@pytest.mark.quick
def test_columns_have_names_in_two_languages_and_any_case():
    row = {"订单号": "o1", " User_ID ": "u1", "金额": "19.99", "币种": "CNY", "Created_At": "2026-03-01T10:00:00Z"}

    assert missing(list(row)) == []
    assert read_row(row) == read_row(ROW)


@pytest.mark.quick
@pytest.mark.parametrize(
    "changed", [{"amount": "-19.99"}, {"type": "refund"}, {"type": "退款", "amount": "-19.99"}], ids=str
)
def test_a_row_is_a_refund(changed):
    read = read_row(ROW | changed | {"refund_id": "r1", "reason": "太小"})

    assert isinstance(read, RefundRow)
    assert (read.order_id, read.refund.refund_id, read.refund.amount) == ("o1", "r1", Money(1999, "CNY"))
    assert (read.refund.refunded_at, read.refund.reason) == (AT, "太小")


@pytest.mark.quick
def test_a_refund_without_a_name_is_called_by_what_it_says():
    def name(**changed):
        return read_row(ROW | {"type": "refund"} | changed).refund.refund_id

    assert name() == name() == name(user_id="")
    assert len({name(), name(amount="19.98"), name(currency="USD"), name(time="2026-03-01T10:00:01Z")}) == 4


@pytest.mark.quick
@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"order_id": ""}, "missing_id", "order_id"),
        ({"user_id": ""}, "missing_id", "user_id"),
        ({"order_id": "a" * 201}, "too_large", "order_id"),
        ({"time": ""}, "bad_time", "when"),
        ({"time": "yesterday"}, "bad_time", "time"),
        ({"currency": ""}, "bad_properties", "currency must be"),
        ({"currency": "RMB"}, "bad_properties", "currency must be"),
        ({"amount": ""}, "bad_properties", "amount must be a number"),
        ({"amount": "1,999.00"}, "bad_properties", "thousands"),
        ({"amount": "0.001"}, "bad_properties", "2 digits"),
        ({"amount": "0", "type": "refund"}, "bad_properties", "amount"),
        ({"type": "gift"}, "unknown_type", "one of order, refund, purchase"),
        ({"product": "a" * 201}, "too_large", "product"),
        ({"reason": "a" * 201, "type": "refund"}, "too_large", "reason"),
    ],
    ids=str,
)
def test_a_row_is_refused_by_name(changed, reason, words):
    found, detail = refusal(read_row, ROW | changed)

    assert (found, words in detail) == (reason, True), detail


@pytest.mark.quick
@pytest.mark.parametrize(
    ("names", "lacking"),
    [
        (list(ROW), []),
        (["order_id", "user_id"], ["amount", "currency", "time"]),
        ([], ["order_id", "amount", "currency", "time"]),
    ],
)
def test_columns_that_lack(names, lacking):
    assert missing(names) == lacking


async def listed(imports):
    found = (await imports.world.get("/v1/orders"))["items"]
    return {each["order_id"]: (each["total"]["amount"], each["refunded"]["amount"]) for each in found}


async def test_a_file_of_orders_is_read_by_a_job(imports):
    shown = await imports.run(FILE, format="orders")

    assert (shown["stage"], shown["format"]) == ("done", "orders")
    assert counts(shown) == {"rows": 4, "stored": 4, "known": 0, "refused": 0}
    assert await listed(imports) == {"o1": (1999, 500), "o2": (1999, 999)}
    job = await imports.world.get(f"/v1/jobs/{shown['job_id']}")
    assert (job["status"], job["result"]) == ("succeeded", counts(shown))
    assert await imports.chunks() == 0


async def test_the_same_rows_again_count_once(imports):
    await imports.run(FILE, format="orders")

    again = await imports.run(FILE + FILE.removeprefix(HEAD), format="orders")

    assert counts(again) == {"rows": 8, "stored": 0, "known": 8, "refused": 0}
    assert await listed(imports) == {"o1": (1999, 500), "o2": (1999, 999)}


async def test_a_row_that_is_refused_is_told_and_the_others_are_taken(imports):
    """Of 10.00, 6 go back, and 5 do not; another order of the same id, one of no order, and what cannot be read."""
    file = (
        HEAD
        + "o1,u1,10,CNY,2026-03-01,,,,\n"
        + "o1,,-6,CNY,2026-03-02,,,,\n"
        + "o1,,-5,CNY,2026-03-03,,,,\n"
        + "o1,u9,10,CNY,2026-03-01,,,,\n"
        + "o8,,-5,CNY,2026-03-03,,,,\n"
        + "o2,u1,ten,CNY,2026-03-01,,,,\n"
        + "o3,u1,3,USD,2026-03-01,,,,\n"
    )

    shown = await imports.run(file, format="orders")

    assert counts(shown) == {"rows": 7, "stored": 3, "known": 0, "refused": 4}
    errors = [(error["row"], error["reason"]) for error in await imports.errors(shown["id"])]
    assert errors == [(4, "conflict"), (5, "conflict"), (6, "conflict"), (7, "bad_properties")]
    assert "400 of 1000" in (await imports.errors(shown["id"]))[0]["detail"]
    assert await listed(imports) == {"o1": (1000, 600), "o3": (300, 0)}


async def test_what_a_file_brought_is_taken_back(imports):
    """o0 and its refund of 1.00 were told one by one; the file's refund of o0, its orders, and what went back of them, go."""
    shop = Shop(imports.world)
    await shop.order("o0", 1000)
    await shop.refund("o0", "own", 100)
    made = await imports.run(FILE + "o0,,-2,CNY,2026-03-03,,,,\n", format="orders")
    await shop.refund("o1", "later", 1)
    assert await listed(imports) == {"o0": (1000, 300), "o1": (1999, 501), "o2": (1999, 999)}

    await imports.send("POST", f"{PATH}/{made['id']}/undo", expect=202)
    await imports.tick()

    shown = await imports.shown(made["id"])
    job = await imports.world.get(f"/v1/jobs/{shown['job_id']}")
    assert (shown["stage"], job["result"]) == ("undone", {"removed": 5})
    assert await listed(imports) == {"o0": (1000, 100)}
    assert (await imports.run(FILE, format="orders"))["stored"] == 4


async def test_a_preview_shows_what_would_be_read_and_keeps_nothing(imports):
    answer = await imports.send("POST", f"{PATH}/preview", FILE + "o9,,1,,,,,,\n", expect=200, format="orders")

    shown = answer.json()
    assert (shown["delimiter"], shown["columns"][:2]) == (",", ["order_id", "user_id"])
    first, _, back, _, wrong = shown["rows"]
    assert (first["row"], first["properties"]["total"]) == (2, {"amount": 1999, "currency": "CNY"})
    assert back["properties"]["refund"]["amount"] == {"amount": 500, "currency": "CNY"}
    assert (wrong["row"], wrong["reason"]) == (6, "bad_time")
    assert await listed(imports) == {}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("order_id,user_id,amount\no1,u1,5\n", "no column 'currency'"),
        ("", "empty"),
        ("金额\n5\n", "no column 'order_id'"),
    ],
)
async def test_a_file_without_its_columns_is_refused_at_once(imports, file, words):
    refused = await imports.upload(file, format="orders", expect=422)

    assert words in refused["errors"][0]["detail"]


async def test_who_was_erased_is_refused_in_a_file_too(imports):
    await imports.run("event,time,user_id\nA,2026-03-01,u1\n")
    await imports.send("DELETE", "/v1/users/u1", expect=202)

    shown = await imports.run(FILE, format="orders")

    assert counts(shown) == {"rows": 4, "stored": 2, "known": 0, "refused": 2}


async def test_a_long_file_is_read_in_blocks(imports):
    rows = "".join(f"o{place},u{place % 7},1,CNY,2026-03-01,,,,\n" for place in range(1_200))

    shown = await imports.run(HEAD + rows, format="orders")

    assert counts(shown) == {"rows": 1200, "stored": 1200, "known": 0, "refused": 0}


async def test_the_refunds_of_the_erased_are_known_when_their_file_comes_again(imports):
    """4.00 went back before u1 was erased, 1.00 afterwards; told again in one file, the first is known and the second is taken."""
    await imports.run(
        HEAD + "o1,u1,10,CNY,2026-03-01,,,,\n" + "o1,,-4,CNY,2026-03-02,,,r1,her own words\n", format="orders"
    )
    await imports.run("event,time,user_id\nA,2026-03-01,u1\n")
    await imports.send("DELETE", "/v1/users/u1", expect=202)

    again = HEAD + "o1,,-4,CNY,2026-03-02,,,r1,her own words\n" + "o1,,-1,CNY,2026-03-02,,,r2,more of them\n"
    shown = await imports.run(again, format="orders")

    assert counts(shown) == {"rows": 2, "stored": 1, "known": 1, "refused": 0}
    assert await listed(imports) == {"o1": (1000, 500)}
