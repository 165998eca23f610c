"""Filters, orders and facets, wherever they are asked for: one reading for list and search."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsloop_common.http.app import api_routes
from opsloop_feedback.app import SERVICE
from opsloop_feedback.filters.rules import NAMES, TIMES, ByAuthors, Filters, Sort, document_of, query_of, read
from opsloop_feedback.shapes import FiltersIn

WORDS = st.lists(st.text(max_size=20), max_size=3).map(tuple)
MOMENTS = st.none() | st.datetimes(timezones=st.just(UTC))


@st.composite
def filters(draw):
    given = {name: draw(MOMENTS if name in TIMES else WORDS) for name in NAMES if name not in {"text", "number"}}
    numbers = tuple(draw(st.lists(st.integers(1, 2**63 - 1), max_size=3)))
    return Filters(**given, number=numbers, text=draw(st.none() | st.text(min_size=1)))


@given(filters())
def test_what_is_written_is_read_again(asked):
    again = read(document_of(asked))

    listed = {name: tuple(value) if isinstance(value, list) else value for name, value in vars(again).items()}
    assert Filters(**listed) == asked


def test_a_minus_turns_an_order_round():
    assert (Sort.DUE.key, Sort.DUE.is_descending) == ("due", False)
    assert (Sort.LAST_DUE.key, Sort.LAST_DUE.is_descending) == ("due", True)
    assert {each.key for each in Sort if each.is_descending} == {each.key for each in Sort if not each.is_descending}


def test_times_are_kept_with_their_zone():
    at = datetime(2026, 11, 22, 8, tzinfo=UTC)

    assert document_of(Filters(due_before=at)) == {"due_before": "2026-11-22T08:00:00Z"}


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/search"])
def test_each_door_takes_every_filter(path):
    [route] = [each for each in api_routes(SERVICE) if each.path == path and "GET" in each.methods]

    assert set(NAMES) <= set(route.parameters)


@pytest.mark.parametrize("path", ["/v1/feedback", "/v1/search?q=export"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("author", "two\u0007words"),
        ("tag", "x" * 255),
        ("number", 0),
        ("number", 2**63),
        ("assignee", ".."),
        ("source", "Not A Slug"),
        ("external_id", "x" * 201),
        ("updated_from", "monday"),
        ("text", "x" * 1_001),
    ],
)
async def test_what_is_no_value_of_a_filter_is_refused_by_each_door(desk, path, name, value):
    bare, _, query = path.partition("?")
    params = dict([query.split("=")]) if query else {}

    answer = await desk.get(bare, expect=422, **params, **{name: value})

    assert answer["errors"][0]["pointer"].startswith(f"/query/{name}")


def test_a_body_takes_what_a_query_takes():
    assert tuple(FiltersIn.model_fields) == NAMES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", ["lost"]),
        ("tag", ["x"] * 51),
        ("number", [0]),
        ("author", ["a\u0007"]),
        ("text", ""),
        ("status", "new"),
    ],
)
def test_what_is_no_value_of_a_filter_is_refused_in_a_body_too(name, value):
    with pytest.raises(ValidationError):
        FiltersIn.model_validate({name: value})


def test_filters_of_a_body_are_those_of_a_query():
    asked = FiltersIn.model_validate({"status": ["new"], "due_before": "2026-11-22T08:00:00+08:00", "text": "x"})

    document = asked.document()

    assert document == {"status": ["new"], "due_before": "2026-11-22T00:00:00Z", "text": "x"}
    assert query_of(document | {"tag": ["a b", "支付"]}, "-due") == (
        "status=new&due_before=2026-11-22T00%3A00%3A00Z&text=x&tag=a+b&tag=%E6%94%AF%E4%BB%98&sort=-due"
    )


def test_a_query_says_nothing_of_what_narrows_nothing():
    assert query_of(document_of(Filters()), "-created") == "sort=-created"
    assert document_of(Filters(text="", number=())) == {}


def test_times_of_another_zone_are_the_same_moment():
    asked = FiltersIn.model_validate({"created_from": "2026-11-22T08:00:00+08:00"})

    assert read(asked.document()).created_from == datetime(2026, 11, 22, tzinfo=UTC)


def test_authors_narrow_filters_further_and_are_no_part_of_what_views_keep():
    narrowed = ByAuthors(status=("new",), user_ids=[("u1", True)])
    assert document_of(narrowed) == document_of(Filters(status=("new",)))
