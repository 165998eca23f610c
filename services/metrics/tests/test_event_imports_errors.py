"""What is wrong with a row of a file is told with its row, its column, what stands there, and how to mend it."""

from __future__ import annotations

import csv
import io
from uuid import uuid4

import pytest

from opsloop_common.contracts.metrics import UserErased
from opsloop_common.testing.events import deliver, make_event
from opsloop_metrics.orders.rules import require_currency
from opsloop_metrics.rejections.consumers import ERASURES
from opsloop_metrics.rejections.rules import VALUE_CHARACTERS, cell_text
from services.metrics.tests.event_imports import PATH, WHEN, imports

__all__ = ["imports"]
WRITE = "write 2026-11-20, 2026-11-20 09:30 or 2026-11-20T09:30:00+08:00"
EVENTS = "What,when,who,device\n"
CALLED = {
    "event_column": "What",
    "time_column": "when",
    "user_id_column": "who",
    "anonymous_id_column": "device",
}
ORDERS = "Order,用户,Total,币种,date,type,product\n"
GOOD = "o1,u1,5,CNY,2026-11-20,,\n"
DOWNLOADS = "Begin Date,Store,App,Units\n"
# what a table lacks is told under what the file calls it
ROWS = [
    ("csv", "E,11/20/2026,u1,", "when", "11/20/2026", "bad_time", WRITE),
    ("csv", "E,20.11.2026,u1,", "when", "20.11.2026", "bad_time", WRITE),
    ("csv", "E,20/11/2026,u1,", "when", "20/11/2026", "bad_time", WRITE),
    ("csv", "E,2026/13/20,u1,", "when", "2026/13/20", "bad_time", WRITE),
    ("csv", "E,2026/11-20,u1,", "when", "2026/11-20", "bad_time", WRITE),
    ("csv", "E,26/11/20,u1,", "when", "26/11/20", "bad_time", WRITE),
    ("csv", "E,2026年11月20日,u1,", "when", "2026年11月20日", "bad_time", WRITE),
    ("csv", "E,1200-01-01,u1,", "when", "1200-01-01", "bad_time", "before 1970"),
    ("csv", "E,,u1,", "when", None, "bad_time", "when it happened"),
    ("csv", f",{WHEN},u1,", "What", None, "missing_event", "event"),
    ("csv", f"$alias,{WHEN},u1,", "What", "$alias", "unknown_type", "persons"),
    ("csv", f"E,{WHEN},,", "who", None, "missing_id", "who speaks"),
    ("csv", f"E,{WHEN},,{'d' * 201}", "device", "d" * 199 + "…", "too_large", "device has more"),
    ("csv", f"E,{WHEN},../x,", "who", "../x", "bad_id", "between slashes"),
    ("csv", f"E,{WHEN},u1,a\tb", "device", "a\tb", "bad_id", "control characters"),
    ("orders", "..,u1,5,CNY,2026-11-20,,", "Order", "..", "bad_id", "between slashes"),
    ("orders", "o1,u\u200b1,5,CNY,2026-11-20,,", "用户", "u\u200b1", "bad_id", "u<U+200B>1"),
    ("orders", "o1,u1,5,RMB,2026-11-20,,", "币种", "RMB", "bad_properties", "did you mean CNY?"),
    ("orders", "o1,u1,5,¥,2026-11-20,,", "币种", "¥", "bad_properties", "did you mean CNY or JPY?"),
    ("orders", "o1,u1,5,CNY,11/20/2026,,", "date", "11/20/2026", "bad_time", WRITE),
    ("orders", "o1,u1,5,CNY,,,", "date", "", "bad_time", "when"),
    ("orders", 'o1,u1,"1,999.00",CNY,2026-11-20,,', "Total", "1,999.00", "bad_properties", "thousands"),
    ("orders", "o1,u1,0,CNY,2026-11-20,refund,", "Total", "0", "bad_properties", "amount"),
    ("orders", "o1,u1,5,CNY,2026-11-20,gift,", "type", "gift", "unknown_type", "one of order"),
    ("orders", ",u1,5,CNY,2026-11-20,,", "Order", "", "missing_id", "order_id"),
    ("orders", "o1,,5,CNY,2026-11-20,,", "用户", "", "missing_id", "user_id"),
    ("orders", "o1,u1", "date", "", "bad_time", "when"),
    ("orders", f"o1,u1,5,CNY,2026-11-20,,{'p' * 201}", "product", "p" * 199 + "…", "too_large", "product"),
    ("store_downloads", "20.11.2026,s,a,1", "Begin Date", "20.11.2026", "bad_time", "such as 2026-03-01"),
    ("store_downloads", "26/11/20,s,a,1", "Begin Date", "26/11/20", "bad_time", "such as 2026-03-01"),
    ("store_downloads", '2026-11-20,s,a,"1,000"', "Units", "1,000", "bad_properties", "thousands"),
    ("store_downloads", "2026-11-20,s,a,-3", "Units", "-3", "bad_properties", "0 or more: leave out"),
    ("store_downloads", "2026-11-20,s,,1", "App", "", "missing_id", "app"),
    ("store_downloads", f"2026-11-20,{'s' * 201},a,1", "Store", "s" * 199 + "…", "too_large", "store"),
]
HEADS = {"csv": EVENTS, "orders": ORDERS, "store_downloads": DOWNLOADS}


async def test_a_refused_row_names_its_cell_in_the_preview_and_in_the_list(imports, subtests):
    for format, row, column, value, reason, words in ROWS:
        with subtests.test(row=row):
            given = {"format": format} | (CALLED if format == "csv" else {})
            body = f"{HEADS[format]}{row}\n"
            [shown] = (await imports.send("POST", f"{PATH}/preview", body, expect=200, **given)).json()["rows"]
            made = await imports.run(body, **given)
            [told] = await imports.errors(made["id"])

            for each in (shown, told):
                assert (each["row"], each["column"], each["value"], each["reason"]) == (2, column, value, reason)
                assert words in each["detail"]


TAKEN = "订单号,用户,金额,币种,时间,类型,退款号,退款原因\n"
KNOWN = "o1,u1,10,CNY,2026-03-01,,,\no1,,4,CNY,2026-03-02,refund,r1,太小\n"
DISAGREE = [
    (
        "o8,,-5,CNY,2026-03-03,,,",
        "订单号",
        "o8",
        "There is no order with this id. Put the order before its refund",
    ),
    ("o1,,-7,CNY,2026-03-03,,,", "金额", "-7", "600 of 1000 minor units left to refund. Correct the row"),
    ("o1,,-1,USD,2026-03-03,,,", "币种", "USD", "paid in CNY"),
    ("o1,u1,11,CNY,2026-03-01,,,", "金额", "11", "There is another order with this order_id"),
    ("o1,u9,10,CNY,2026-03-01,,,", "用户", "u9", "There is another order with this order_id"),
    ("o1,u1,10,CNY,2026-03-05,,,", "时间", "2026-03-05", "There is another order with this order_id"),
    ("o1,u1,10,CNY,2026-03-01,renewal,,", "类型", "renewal", "There is another order with this order_id"),
    ("o1,,5,CNY,2026-03-02,refund,r1,太小", "金额", "5", "another refund with this refund_id"),
    ("o1,,4,USD,2026-03-02,refund,r1,太小", "币种", "USD", "another refund with this refund_id"),
    ("o1,,4,CNY,2026-03-04,refund,r1,太小", "时间", "2026-03-04", "another refund with this refund_id"),
    ("o1,,4,CNY,2026-03-02,refund,r1,太大", "退款原因", "太大", "another refund with this refund_id"),
]


async def test_what_does_not_go_with_what_is_known_names_its_cell_and_how_to_mend_it(imports):
    await imports.run(TAKEN + KNOWN, format="orders")

    made = await imports.run(TAKEN + "".join(f"{row}\n" for row, *_ in DISAGREE), format="orders")

    told = await imports.errors(made["id"])
    assert [(each["column"], each["value"]) for each in told] == [(column, value) for _, column, value, _ in DISAGREE]
    assert {each["reason"] for each in told} == {"conflict"}
    for each, (*_, words) in zip(told, DISAGREE, strict=True):
        assert words in each["detail"]


async def test_of_who_was_erased_the_column_is_told_and_not_what_stands_there(imports):
    await imports.run(f"event,time,user_id\nE,{WHEN},u1\n")
    await imports.send("DELETE", "/v1/users/u1", expect=202)

    made = await imports.run(TAKEN + "o1,u1,10,CNY,2026-03-01,,,\n", format="orders")

    [error] = await imports.errors(made["id"])
    assert (error["column"], error["value"], error["raw"], "erased" in error["detail"]) == ("用户", None, None, True)


async def test_a_cell_is_told_that_lies_beyond_what_is_kept_of_its_row(imports):
    """The time stands in the last column, behind 40,000 characters; of the row fewer are kept."""
    shown = await imports.run(f"event,user_id,words,time\nE,u1,{'x' * 40_000},11/20/2026\n")

    [error] = await imports.errors(shown["id"])
    assert "11/20/2026" not in error["raw"]
    assert (error["column"], error["value"]) == ("time", "11/20/2026")


async def test_json_rows_name_their_fields(imports):
    body = '{"event": 5, "time": "2020-05-06", "user_id": "u1"}\n{"event": "E", "time": {"at": 1}, "user_id": "u1"}\n'
    shown = await imports.run(body, format="jsonl")

    told = [(each["row"], each["column"], each["value"]) for each in await imports.errors(shown["id"])]
    assert told == [(1, "event", "5"), (2, "time", '{"at":1}')]


async def test_the_cell_goes_with_the_row_when_its_person_is_erased(imports):
    shown = await imports.run(f"event,time,user_id\nE,{WHEN},u1\nE,u1,u1\n")
    assert [each["value"] for each in await imports.errors(shown["id"])] == ["u1"]
    await imports.send("DELETE", "/v1/users/u1", expect=202)
    event = make_event(UserErased(erasure_id=uuid4(), user_id="u1", user_ids=["u1"]))
    await deliver(imports.world.api.db, ERASURES, event)

    again = await imports.run("event,time,user_id\nE,u1,u1\n")

    for made in (shown, again):
        [error] = await imports.errors(made["id"])
        assert (error["column"], error["value"], error["raw"]) == ("time", None, None)


async def test_a_spreadsheet_takes_no_cell_for_a_formula(imports):
    shown = await imports.run("event,time,user_id\nE,=1+1,u1\n")
    answer = await imports.send("GET", f"{PATH}/{shown['id']}/errors", kind={"Accept": "text/csv"})

    head, row = csv.reader(io.StringIO(answer.text))
    assert dict(zip(head, row, strict=True))["value"] == "'=1+1"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("RMB", "CNY"),
        ("人民币", "CNY"),
        ("¥", "CNY or JPY"),
        ("￥", "CNY or JPY"),
        ("$", "USD"),
        ("€", "EUR"),
        ("cny", "CNY"),
    ],
)
def test_what_people_call_a_currency_is_told_by_its_code(code, meant):
    with pytest.raises(ValueError, match=rf"did you mean {meant}\?"):
        require_currency(code)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", ""),
        ("付款", "付款"),
        (5, "5"),
        ({"a": 1}, '{"a":1}'),
        ("a\x00", "a\ufffd"),
        ("x" * 200, "x" * 200),
        ("付" * 201, "付" * (VALUE_CHARACTERS - 1) + "…"),
    ],
)
def test_what_is_kept_of_a_cell(value, text):
    assert cell_text(value) == text
