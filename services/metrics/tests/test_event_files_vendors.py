"""Exports of Mixpanel and GA4, and what names a row."""

import json
from datetime import UTC

import pytest

from opsloop_metrics.capture.rules import Link, MessageKind, Reason, Refused
from opsloop_metrics.event_files import messages, rules
from opsloop_metrics.event_files.rules import Format, Head, Row
from services.metrics.tests.event_files import AT, COLUMNS, CSV, NOW, WHEN, json_row, message, problem


def test_mixpanels_export():
    row = {
        "event": "Sign up",
        "properties": {"time": 1714979289, "distinct_id": "u1", "$insert_id": "i1", "plan": "pro", "mp_lib": "web"},
    }
    found = message(json.dumps(row), Format.MIXPANEL)
    assert (found.event, found.distinct_id, found.message_id, found.time) == ("Sign up", "u1", "i1", AT)
    assert found.historical
    assert found.properties["plan"] == "pro"
    del row["properties"]["$insert_id"]
    assert rules.is_made_up(message(json.dumps(row), Format.MIXPANEL).message_id)
    del row["properties"]["time"]
    assert problem(json.dumps(row), Format.MIXPANEL).reason is Reason.BAD_TIME
    assert problem(json.dumps({"event": "x"}), Format.MIXPANEL).reason is Reason.MISSING_ID


def param(key, **value):
    empty = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    return {"key": key, "value": empty | value}


GA4 = {
    "event_date": "20240506",
    "event_timestamp": "1714979289000000",
    "event_name": "page_view",
    "event_params": [
        param("page_location", string_value="https://x.example/a?utm_source=ad"),
        param("ga_session_id", int_value="1714979000"),
        param("engagement", double_value=1.5),
        param("nothing"),
    ],
    "user_id": None,
    "user_pseudo_id": "123.456",
    "user_properties": [param("plan", string_value="pro")],
    "device": {"category": "mobile"},
    "geo": {"country": "China"},
    "ecommerce": None,
}


def test_ga4s_export():
    found = message(json.dumps(GA4), Format.GA4)

    assert (found.kind, found.event, found.distinct_id) == (MessageKind.PAGE, "$pageview", "123.456")
    assert (found.time, found.url, found.session_id) == (AT, "https://x.example/a?utm_source=ad", "1714979000")
    assert found.traits_set == {"plan": "pro"}
    assert found.properties == {
        "page_location": "https://x.example/a?utm_source=ad",
        "ga_session_id": 1714979000,
        "engagement": 1.5,
        "device": {"category": "mobile"},
        "geo": {"country": "China"},
    }
    known = message(json.dumps(GA4 | {"user_id": "u1"}), Format.GA4)
    assert (known.distinct_id, known.links) == ("u1", (Link("123.456", explicit=False),))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"event_name": None}, Reason.MISSING_EVENT),
        ({"event_timestamp": None}, Reason.BAD_TIME),
        ({"event_timestamp": "soon"}, Reason.BAD_TIME),
        ({"user_pseudo_id": None}, Reason.MISSING_ID),
        ({"event_params": {"a": 1}}, Reason.BAD_PROPERTIES),
        ({"event_params": [1]}, Reason.BAD_PROPERTIES),
        ({"event_params": [{"key": 1, "value": {}}]}, Reason.BAD_PROPERTIES),
        ({"user_properties": [{"key": "a", "value": 1}]}, Reason.BAD_PROPERTIES),
    ],
)
def test_a_row_of_ga4_that_is_refused(change, reason):
    assert problem(json.dumps(GA4 | change), Format.GA4).reason is reason


def test_without_lists_there_are_no_parameters():
    bare = {name: GA4[name] for name in ("event_timestamp", "event_name", "user_pseudo_id")}
    assert message(json.dumps(bare), Format.GA4).properties == {}


def called(row):
    return message(json_row(**row), Format.JSONL).message_id


def test_a_row_without_a_name_is_called_by_what_it_says():
    name = called({"n": 5, "a": {"b": 1, "c": 2}})

    assert rules.is_made_up(name)
    assert name == called({"a": {"c": 2, "b": 1}, "n": 5.0}), "columns of another order, and 5.0 is 5"
    assert name == called({"n": 5, "a": {"b": 1, "c": 2}, "time": AT.timestamp()}), "the same moment, written otherwise"
    assert name == called({"n": 5, "a": {"b": 1, "c": 2}, "message_id": "undefined"}), (
        "a broken client's word is no name"
    )
    assert name == called({"n": 5, "a": {"b": 1.0, "c": 2, "d": ""}}), "at any depth"
    assert name == called({"n": 5, "a": {"b": 1, "c": 2}, "coupon": None}), "what says nothing is absent"
    said = (
        {"n": 6},
        {"event": "Paid!"},
        {"user_id": "u2"},
        {"time": "2024-05-06T07:08:10Z"},
        {"n": "5"},
        {"n": None},
        {"n": 1e20},
        {"n": 10**40},
        {"n": [1e300]},
        {"n": 5, "a": {"b": 10**21}},
        {},
    )
    others = [{"n": 5} | each for each in said] + [
        {"n": 5, "anonymous_id": "a1"},
        {"user_id": None, "anonymous_id": "u1"},
    ]
    assert len({name, *map(called, others)}) == len(others) + 1


@pytest.mark.parametrize("format", [Format.MIXPANEL, Format.GA4])
def test_a_row_of_a_vendors_export_without_a_name_is_called_by_what_it_says(format):
    plain = {"event": "Up", "properties": {"time": 1714979289, "distinct_id": "u1", "plan": "pro"}}
    row, other = (GA4, GA4 | {"user_pseudo_id": "9"}) if format is Format.GA4 else (plain, plain | {"event": "Down"})
    names = [message(json.dumps(each), format).message_id for each in (row, dict(reversed(row.items())), other)]

    assert all(map(rules.is_made_up, names))
    assert (names[0] == names[1], names[0] == names[2]) == (True, False)


@pytest.mark.parametrize(
    ("id", "is_so"),
    [
        ("import:" + "0a" * 16, True),
        ("import:" + "0a" * 16 + ":2", False),
        ("import:mine", False),
        ("m1", False),
        (None, False),
    ],
)
def test_which_names_are_made_up(id, is_so):
    assert rules.is_made_up(id) is is_so


def test_which_columns_are_missing():
    assert COLUMNS.missing(["event", "time", "anonymous_id"]) == []
    assert COLUMNS.missing(["event"]) == [
        ("time", ["time_column"]),
        ("user_id or anonymous_id", ["user_id_column", "anonymous_id_column"]),
    ]


def test_cells_without_columns():
    assert messages.cells_of(["event"], ["a", "", ""], COLUMNS) == {"event": "a"}
    with pytest.raises(Refused):
        messages.cells_of(["event"], ["a", "", "x"], COLUMNS)


def test_a_row_keeps_what_it_was_when_it_is_refused():
    row = Row(7, {"event": "Paid"})
    found = rules.read_row(row, format=Format.JSONL, columns=COLUMNS, zone=UTC, now=NOW)
    assert (found.index, found.raw) == (7, {"event": "Paid"})
    assert problem(f'{CSV}Paid,{WHEN},,"a\nb"\n').raw == {"event": "Paid", "time": WHEN, "amount": "a\nb"}
    assert problem("{oops", Format.JSONL).raw == "{oops"


def test_json_rows_have_no_head_but_a_mark():
    assert rules.head_of(b"\xef\xbb\xbf{}", Format.JSONL, COLUMNS, is_whole=True) == Head(length=3)
    assert message("\ufeff" + json_row(), Format.JSONL).event == "Paid"
