"""What others publish, read: numbers, times, and why there are none."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from opsloop_common.errors import FieldError, Invalid
from opsloop_metrics.series_files import rules
from opsloop_metrics.series_files.rules import Point, Unusable

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NONE = dict.fromkeys(("pointer", "at_pointer", "column", "at_column"))
JSON = NONE | {"format": "json", "pointer": "/data/1/price"}
CSV = NONE | {"format": "csv", "column": "price"}
DATED = CSV | {"at_column": "day"}
numbers = st.floats(allow_nan=False, allow_infinity=False)


def read(source, body, zone=UTC):
    return rules.read_answer(source, body.encode(), now=NOW, zone=zone)


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("", {"a/b": [1, {"~": 2}], "0": "x", "": 3}),
        ("/a~1b/0", 1),
        ("/a~1b/1/~0", 2),
        ("/0", "x"),
        ("/", 3),
    ],
)
def test_a_pointer_leads_into_a_document(pointer, found):
    assert rules.find({"a/b": [1, {"~": 2}], "0": "x", "": 3}, pointer) == found


@pytest.mark.parametrize("pointer", ["/b", "/a/2", "/a/-1", "/a/01", "/a/x", "/a/0/0", "/a/9999999999999"])
def test_a_pointer_that_leads_nowhere_says_so(pointer):
    with pytest.raises(Unusable, match="nothing where the pointer leads"):
        rules.find({"a": [1, 2]}, pointer)


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7.0), (-1.5, -1.5), ("12.50", 12.5), (" 3 ", 3.0), ("-.5", -0.5), ("1e3", 1000.0), ("+4", 4.0)],
)
def test_a_number_is_one_of_json_or_a_plain_text(value, number):
    assert rules.read_number(value) == number


@pytest.mark.parametrize(
    "value", [None, True, "", "x", "1,234", "12%", "nan", "inf", "1e999", float("inf"), float("nan"), [], {}, "١٢"]
)
def test_anything_else_is_none(value):
    with pytest.raises(ValueError, match="must be a number"):
        rules.read_number(value)


@pytest.mark.parametrize(
    ("source", "body", "points"),
    [
        pytest.param(JSON, '{"data": [{"price": 1}, {"price": 9.5}]}', [Point(NOW, 9.5)], id="of now"),
        pytest.param(
            JSON | {"at_pointer": "/as_of"},
            '{"data": [0, {"price": "9.50"}], "as_of": "2026-03-01T10:00:00+08:00"}',
            [Point(datetime(2026, 3, 1, 2, tzinfo=UTC), 9.5)],
            id="of a time",
        ),
        pytest.param(
            JSON | {"at_pointer": "/as_of"},
            '{"data": [0, {"price": 2}], "as_of": 1772323200}',
            [Point(datetime(2026, 3, 1, tzinfo=UTC), 2.0)],
            id="of seconds since 1970",
        ),
        pytest.param(CSV, "price,x\n1,a\n2,b\n", [Point(NOW, 2.0)], id="the last row"),
        pytest.param(
            DATED,
            "day,price\n2026-03-01,1\n2026-03-02,2\n2026-03-01,3\n",
            [Point(datetime(2026, 3, 1, tzinfo=UTC), 3.0), Point(datetime(2026, 3, 2, tzinfo=UTC), 2.0)],
            id="the later of one day",
        ),
        pytest.param(
            DATED, '\ufeffday,price\r\n2026-03-01,"4"\r\n', [Point(datetime(2026, 3, 1, tzinfo=UTC), 4.0)], id="a mark"
        ),
    ],
)
def test_an_answer_is_read(source, body, points):
    assert read(source, body) == points


def test_a_day_begins_where_the_workspace_is():
    assert read(DATED, "day,price\n2026-03-01,1\n", SHANGHAI) == [Point(datetime(2026, 2, 28, 16, tzinfo=UTC), 1.0)]


def test_of_many_rows_the_last_thousand_are_read():
    first = date(2020, 1, 1)
    body = "day,price\n" + "".join(f"{first + number * DAY},{number}\n" for number in range(1_005))
    points = read(DATED, body)
    assert (len(points), points[0].value, points[-1].value) == (1_000, 5.0, 1_004.0)


@pytest.mark.parametrize(
    ("source", "body", "words"),
    [
        (JSON, "<html>", "the answer is not JSON"),
        (JSON, "", "the answer is not JSON"),
        (JSON, "[" * 30_000, "too many values"),
        (JSON, "[" * 2_000, "the answer is not JSON"),
        (JSON, '{"data": []}', "nothing where the pointer leads"),
        (JSON, '{"data": [0, {"price": null}]}', "must be a number"),
        (JSON | {"at_pointer": "/at"}, '{"data": [0, {"price": 1}], "at": "soon"}', "no time that can be read"),
        (JSON | {"at_pointer": "/at"}, '{"data": [0, {"price": 1}], "at": null}', "the time is missing"),
        (CSV, "", "there is no column price"),
        (CSV, "cost\n1\n", "there is no column price"),
        (CSV, "price\n", "the answer has no rows"),
        (CSV, "price\n1\nx\n", "row 2: must be a number"),
        (DATED, "day,price\n2026-02-30,1\n", "row 1: the time is no time"),
        (DATED, "day,price\n,1\n", "row 1: the time is missing"),
        (DATED, "day,price\n2026-03-01\n", "row 1: must be a number"),
        (CSV, "price\n" + "1" * 200_000, "is not CSV"),
    ],
)
def test_an_answer_that_holds_no_number_says_why(source, body, words):
    with pytest.raises(Unusable, match=words):
        read(source, body)


def test_bytes_that_are_no_text_are_told_so():
    with pytest.raises(Unusable, match="is not CSV in UTF-8"):
        rules.read_answer(CSV, b"price\n\xff\xfe", now=NOW, zone=UTC)


def table(text):
    columns = {"value_column": "value", "at_column": "at"}
    rows = rules.read_table(text.encode(), **columns)
    return rules.require_read(rules.read_row(row, **columns, zone=UTC) for row in rows)


def test_a_table_is_read_whole_or_not_at_all():
    assert table("at,value\n2026-03-01,1\n2026-03-02T12:00:00Z,2\n") == [
        Point(datetime(2026, 3, 1, tzinfo=UTC), 1.0),
        Point(datetime(2026, 3, 2, 12, tzinfo=UTC), 2.0),
    ]
    with pytest.raises(Invalid) as refused:
        table("at,value\n2026-03-01,1\nx,2\n2026-03-03,y\n")
    assert [error.pointer for error in refused.value.errors] == ["/2/at", "/3/value"]


@pytest.mark.parametrize(
    ("text", "words"),
    [("at,value\n", "no rows"), ("at,value\n" + "x,1\n" * 10_001, "more than 10000")],
)
def test_a_table_that_is_none_is_refused(text, words):
    with pytest.raises(Invalid) as refused:
        table(text)
    [error] = refused.value.errors
    assert (error.pointer, words in error.detail) == ("", True)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("value\n1\n", [("/at_column", "at is no column of the table; known are value")]),
        ("at,values\n1\n", [("/value_column", "value is no column of the table; did you mean values?")]),
        (
            "day,price\n1\n",
            [
                ("/at_column", "at is no column of the table; known are day, price"),
                ("/value_column", "value is no column of the table; known are day, price"),
            ],
        ),
        ("", [("/at_column", "at is no column of the table"), ("/value_column", "value is no column of the table")]),
    ],
)
def test_columns_that_are_not_there_are_named_with_those_that_are(text, errors):
    with pytest.raises(Invalid) as refused:
        table(text)
    assert [(error.pointer, error.detail) for error in refused.value.errors] == errors


def test_of_many_bad_rows_twenty_are_named():
    with pytest.raises(Invalid) as refused:
        rules.require_read([FieldError(f"/{number}/at", "x") for number in range(50)])
    assert len(refused.value.errors) == 20


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "1e400", "0." + "0" * 20 + "1e400", "NaN", "Infinity"])
def test_a_number_beyond_doubles_is_none(number):
    with pytest.raises(Unusable):
        read(JSON | {"pointer": "/v"}, f'{{"v": {number}, "others": [{"1" * 400}, 7]}}')


@pytest.mark.parametrize(
    ("digits", "number"),
    [("12345678901234567890", 12345678901234567890.0), ("1" + "0" * 300, 1e300), ("0.1000000000000000000001", 0.1)],
)
def test_a_long_number_within_doubles_is_one(digits, number):
    """Beside one that is beyond them, which nobody asked for."""
    [point] = read(JSON | {"pointer": "/v"}, f'{{"v": {digits}, "others": [{"1" * 400}, 7]}}')

    assert point.value == number
