"""Filters: groups of conditions and regular expressions, what they mean and what is refused."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from opsloop_common import conditions, regexes
from opsloop_common.conditions import read_conditions
from opsloop_common.errors import Invalid
from opsloop_common.filters import MAX_REGEXES, MAX_TERMS, Filter, all_hold, leaves, read_filter, require_meant
from opsloop_common.regexes import MAX_PATTERN, READ_CHARACTERS

FILTER = TypeAdapter(Filter)


def eq(value, field="data.a"):
    return {"field": field, "op": "eq", "value": value}


def regex(value, field="data.a"):
    return {"field": field, "op": "regex", "value": value}


def says(terms, **data):
    return all_hold(FILTER.validate_python(terms), {"type": "kpi.breached", "data": data})


@pytest.mark.parametrize(
    ("terms", "holding", "not_holding"),
    [
        ([], [{}], []),
        ([eq(1), eq(2, "data.b")], [{"a": 1, "b": 2}], [{"a": 1}, {"b": 2}]),
        ([{"any": [eq(1), eq(2)]}], [{"a": 1}, {"a": 2}], [{"a": 3}, {}]),
        ([{"all": [eq(1), eq(2, "data.b")]}], [{"a": 1, "b": 2}], [{"a": 1}]),
        (
            [{"any": [{"all": [eq(1), eq(2, "data.b")]}, eq(3)]}],
            [{"a": 1, "b": 2}, {"a": 3}],
            [{"a": 1}, {"b": 2}],
        ),
        (
            [{"all": [{"any": [eq(1), eq(2)]}, {"any": [eq(3, "data.b"), eq(4, "data.b")]}]}, eq("x", "data.c")],
            [{"a": 1, "b": 4, "c": "x"}],
            [{"a": 1, "b": 5, "c": "x"}, {"a": 1, "b": 4}],
        ),
        (
            [regex("^支付.*失败$")],
            [{"a": "支付又失败"}, {"a": ["x", "支付失败"]}],
            [{"a": "失败"}, {"a": 5}, {}, {"a": None}],
        ),
        ([regex("b+")], [{"a": "abbc"}, {"a": "ab\u200bb"}], [{"a": "ac"}, {"a": {"b": "b"}}]),
        ([regex("(?i)FAIL|timeout")], [{"a": "Fail"}, {"a": "a timeout"}], [{"a": "ok"}]),
        ([regex("breached$", "type")], [{}], []),
    ],
)
def test_what_terms_mean(terms, holding, not_holding):
    assert [data for data in holding if not says(terms, **data)] == []
    assert [data for data in not_holding if says(terms, **data)] == []


@pytest.mark.parametrize(
    ("terms", "loc"),
    [
        ([{"any": []}], ("any",)),
        ([{"any": [eq(1)], "all": [eq(1)]}], ("any",)),
        ([{"some": [eq(1)]}], ("some",)),
        ([{"any": [{"all": [{"any": [eq(1)]}]}]}], ("all",)),
        ([{"any": [{"all": [regex("(")]}]}], ("value",)),
        ([regex("")], ("value",)),
        ([regex(5)], ("value",)),
        ([regex("a", "surprise")], ("field",)),
        ([{"any": [eq([1])]}], ("value",)),
        ([5], (0,)),
        ([None], (0,)),
    ],
)
def test_a_filter_is_refused_where_it_is_wrong(terms, loc):
    with pytest.raises(ValidationError) as refused:
        FILTER.validate_python(terms)

    assert set(loc) & {step for error in refused.value.errors() for step in error["loc"]}


def test_a_filter_has_so_many_terms_in_all_its_groups():
    group = {"any": [eq(number) for number in range(10)]}

    FILTER.validate_python([group] * (MAX_TERMS // 10))
    FILTER.validate_python([{"any": [regex("a")] * MAX_REGEXES}])

    for terms in ([*[group] * (MAX_TERMS // 10), eq(1)], [{"any": [regex("a")] * MAX_REGEXES}, regex("b")]):
        with pytest.raises(ValidationError, match="must not have more than"):
            FILTER.validate_python(terms)


def test_what_is_stored_is_read_again():
    terms = [eq(1), {"any": [regex("支付"), {"all": [{"field": "data.b", "op": "exists"}]}]}]

    kept = [term.model_dump(mode="json") for term in FILTER.validate_python(terms)]

    assert kept[1]["any"][1] == {"all": [{"field": "data.b", "op": "exists", "value": True}]}
    assert read_filter(kept) == FILTER.validate_python(terms)
    assert read_filter(read.model_dump(mode="json") for read in read_filter(kept)) == read_filter(kept)


@pytest.mark.parametrize(
    ("terms", "pointer", "words"),
    [
        ([eq("x", "data.kpi"), {"any": [eq(1, "data.kip")]}], "/filter/1/any/0/field", "did you mean data.kpi?"),
        ([{"all": [{"any": [eq(1, "data.severity")]}]}], "/filter/0/all/0/any/0/value", "never a number"),
        ([{"any": [regex("a", "data.value")]}], "/filter/0/any/0/value", "never holds a text"),
        ([regex("a", "data.kpis")], "/filter/0/field", "is no field"),
    ],
)
def test_what_no_event_can_fulfil_is_told_by_its_place(terms, pointer, words):
    with pytest.raises(Invalid) as refused:
        require_meant(FILTER.validate_python(terms), ["kpi.breached"], "/filter")

    [error] = refused.value.errors
    assert error.pointer == pointer
    assert words in error.detail


def test_a_condition_alone_means_what_it_means_elsewhere():
    stored = [{"field": "data.a", "op": "in", "value": ["s1", "s2"]}, {"field": "data.b", "op": "exists"}]

    for document in ({"data": {"a": "s1", "b": 0}}, {"data": {"a": "s1"}}, {"data": {"a": "s3", "b": 0}}, {"data": {}}):
        assert all_hold(read_filter(stored), document) is conditions.all_hold(read_conditions(stored), document)


@pytest.mark.parametrize("levels", [0, 1, 2, 3, 30])
def test_groups_go_two_levels_deep(levels):
    term = eq(1)
    for level in range(levels):
        term = {"any" if level % 2 else "all": [term]}

    if levels <= 2:
        assert says([term], a=1)
        assert not says([term], a=2)
    else:
        with pytest.raises(ValidationError, match="two levels deep"):
            FILTER.validate_python([term])


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 4))
def test_groups_are_the_formula_that_they_look_like(rows, value):
    any_of_all = [{"any": [{"all": [{"field": "data.a", "op": "ne", "value": each} for each in row]} for row in rows]}]
    all_of_any = [{"all": [{"any": [eq(each) for each in row]} for row in rows]}]

    assert says(any_of_all, a=value) is any(all(value != each for each in row) for row in rows)
    assert says(all_of_any, a=value) is all(any(value == each for each in row) for row in rows)


def test_texts_and_lists_of_texts_can_be_looked_into():
    require_meant(FILTER.validate_python([regex("a", "data.kpi"), regex("k", "type")]), ["kpi.breached"], "/filter")
    require_meant(FILTER.validate_python([regex("a", "data.tags")]), ["feedback.received"], "/filter")
    require_meant(FILTER.validate_python([regex("a", "data.x")]), ["unknown.type"], "/filter")


@pytest.mark.parametrize(
    ("pattern", "words", "position"),
    [
        ("[abc", "missing ]", 1),
        ("支付[a", "missing ]", 3),
        ("a(b|c", "missing )", 6),
        ("ab)c", "unexpected )", 3),
        ("a**", "bad repetition operator", 2),
        ("[**]a**", "bad repetition operator", 6),
        ("x\\8", "invalid escape sequence", 2),
        ("a{1001}", "invalid repetition size", 2),
        ("a(?=b)", "invalid perl operator", 2),
        ("*a", "no argument for repetition operator", 1),
        ("a\\", "trailing", 2),
    ],
)
def test_a_fault_is_told_with_its_position_and_without_the_pattern(pattern, words, position):
    told = regexes.flaw(pattern)

    assert words in told
    assert told.endswith(f"at character {position}")


@pytest.mark.parametrize("pattern", ["((a?){30}){20}", r"(\pL|\pN){100}x", "a{1000}"])
def test_a_pattern_that_compiles_to_much_is_refused(pattern):
    assert "too large" in regexes.flaw(pattern)


def test_a_pattern_is_short():
    assert regexes.flaw("a" * MAX_PATTERN) is None
    assert "200 characters" in regexes.flaw("a" * (MAX_PATTERN + 1))


def test_of_a_text_so_much_is_read():
    assert regexes.matches("x", "a" * (READ_CHARACTERS - 1) + "x")
    assert not regexes.matches("x", "a" * READ_CHARACTERS + "x")


@pytest.mark.parametrize("pattern", ["(x+x+)+y", "(a|a)*b", "(a*)*b", "(.*){50}q", "(a|b)*a(a|b){100}c"])
@pytest.mark.parametrize(
    "text", ["x" * 50_000, "a" * 50_000, "ab" * 25_000, "支付" * 25_000], ids=["x", "a", "ab", "zh"]
)
def test_what_keeps_other_engines_busy_for_ever_is_quick(pattern, text):
    assert regexes.flaw(pattern) is None

    began = time.process_time()
    regexes.matches(pattern, text)

    assert time.process_time() - began < 0.5  # 0.1 ms here, 20 where the states do not fit


@given(pattern=st.text(max_size=60), text=st.text(max_size=60))
def test_whatever_stands_there_is_a_flaw_or_can_be_used(pattern, text):
    told = regexes.flaw(pattern)

    if told is None:
        regexes.matches(pattern, text)
    else:
        assert "at character" in told or "too large" in told


def test_a_pattern_that_was_met_before_is_not_compiled_again():
    pattern = "(a|b)*a(a|b){100}c"
    regexes.matches(pattern, "")

    began = time.process_time()
    for _ in range(1_000):
        regexes.matches(pattern, "a")

    assert time.process_time() - began < 0.1  # 2 ms here; compiling takes 0.1 ms each time


def test_what_nobody_sees_is_no_part_of_a_pattern_either():
    assert says([regex("支\u200b付$")], a="支付")
    assert not says([regex("支\u200b付$")], a="支付款")


def test_each_condition_is_found_with_where_it_stands():
    terms = FILTER.validate_python([eq(1), {"any": [regex("a", "data.b"), {"all": [eq(2, "data.c")]}]}])

    found = [(pointer, leaf.field) for pointer, leaf in leaves(terms, "/filter")]

    assert found == [("/filter/0", "data.a"), ("/filter/1/any/0", "data.b"), ("/filter/1/any/1/all/0", "data.c")]
