"""Field types of the HTTP shapes: durations, times and texts; and JSON that no parser finishes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from opsloop_common.errors import BadRequest, Invalid
from opsloop_common.http.schemas import (
    FilterTermOut,
    ShortText,
    format_duration,
    parse_duration,
    parse_timestamp,
)
from opsloop_common.http.strict_json import read_json

# RFC 3339, appendix A, which is what the JSON Schema format `duration` means
RFC_3339 = re.compile(r"P(\d+D(T(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S))?|T(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S))")


@given(st.integers(min_value=0, max_value=10**9).map(lambda seconds: timedelta(seconds=seconds)))
def test_a_duration_is_written_as_the_schema_says_and_read_back(duration):
    written = format_duration(duration)

    assert RFC_3339.fullmatch(written)
    assert parse_duration(written) == duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT1H", timedelta(hours=1)),
        ("P2W", timedelta(weeks=2)),
        ("P1DT12H", timedelta(days=1.5)),
        ("PT1H5S", timedelta(seconds=3605)),
        ("PT0S", timedelta(0)),
    ],
)
def test_durations(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "1H", "-PT1H", "PT0.5S", "P1M", "P1Y", "pt1h", "PT1H ", "PT1M1H"]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="ISO 8601 duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30T08:00:00Z",
        "2026-11-22T25:00:00Z",
        "2026-11-22T08:00:00+99:99",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
    ],
)
def test_what_is_no_time_is_a_wrong_value_and_nothing_else(text):
    with pytest.raises(ValueError, match=r"must be a time that exists|must lie between"):
        parse_timestamp(text)


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [
        (b"[" * 100_000, Invalid),
        (b'{"a":' * 100_000, Invalid),
        (b"\xff", BadRequest),
        (b"\xed\xa0\x80", BadRequest),
        (b"", BadRequest),
        (b"{", BadRequest),
        (b"\xef\xbb\xbf{}", BadRequest),
    ],
)
def test_what_is_no_json_is_refused_in_words(raw, refusal):
    with pytest.raises(refusal):
        read_json(raw)


@pytest.mark.parametrize("text", ["a", " a ", "支\u200b付", "👨\u200d👩\u200d👧"])
def test_a_text_is_kept_as_it_was_sent(text):
    assert TypeAdapter(ShortText).validate_python(text) == text


@pytest.mark.parametrize("text", [" ", "\u200b", "\u3164\t", "\u2800", "\ufeff\u00ad"])
def test_a_text_in_which_nobody_sees_anything_is_refused_in_words(text):
    with pytest.raises(ValidationError, match="must say something"):
        TypeAdapter(ShortText).validate_python(text)


@pytest.mark.parametrize(
    "term",
    [
        {"field": "data.a", "op": "in", "value": ["x", 1]},
        {"field": "data.a", "op": "eq", "value": None},
        {"field": "data.a", "op": "regex", "value": "^支付"},
        {"any": [{"field": "data.a", "op": "regex", "value": "a"}, {"field": "data.b", "op": "exists", "value": True}]},
        {"all": [{"any": [{"all": [{"field": "type", "op": "ne", "value": "x"}]}]}]},
    ],
    ids=["condition", "null", "regex", "any", "three levels"],
)
def test_a_term_of_a_filter_is_shown_as_it_is_stored(term):
    shown = TypeAdapter(FilterTermOut)

    assert shown.dump_python(shown.validate_python(term), mode="json") == term
    with pytest.raises(ValidationError):
        shown.validate_python({"field": "data.a", "op": "like", "value": 1})


@pytest.mark.parametrize(
    "term",
    [
        {"field": "data.a", "op": "eq", "value": [1, {"b": None}]},
        {"field": "data.a", "op": "exists", "value": None},
        {"field": "data.a", "op": "regex", "value": "^a"},
        {"all": []},
        {"any": [{"field": "data.a", "op": "regex", "value": "b"}, {"all": [{"any": []}]}]},
    ],
)
def test_a_term_of_a_filter_is_shown_as_it_is_kept(term):
    assert TypeAdapter(FilterTermOut).validate_python(term).model_dump() == term


@pytest.mark.parametrize("term", [{}, {"all": None}, {"some": []}, {"field": "data.a"}, [], "all"])
def test_nothing_else_is_shown_as_a_term(term):
    with pytest.raises(ValidationError):
        TypeAdapter(FilterTermOut).validate_python(term)
