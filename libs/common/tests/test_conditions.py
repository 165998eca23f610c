"""What conditions may say and what they mean, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsloop_common.conditions import Condition, Op, all_hold, holds, read_conditions, value_at

MISSING = "missing"


def says(op, value, found):
    document = {"data": {}} if found is MISSING else {"data": {"a": found}}
    return holds(Condition(field="data.a", op=op, value=value), document)


@pytest.mark.parametrize(
    ("op", "value", "holding", "not_holding"),
    [
        ("eq", "x", ["x"], ["X", "", 1, True, ["x"], {"x": "x"}, None, MISSING]),
        ("eq", 1, [1, 1.0], ["1", True, 2, None, MISSING]),
        ("eq", True, [True], [1, "true", False, None, MISSING]),
        ("eq", None, [None, MISSING], [0, "", False, [], {}]),
        ("eq", "支付", ["支付"], ["支付 ", None, MISSING]),
        ("eq", 1234567890123456800, [1.2345678901234568e18], [1234567890123456768]),
        ("ne", "x", ["y", 1, None, MISSING, ["x"]], ["x"]),
        ("ne", 0, [False, None, MISSING, 1], [0, 0.0, -0.0]),
        ("ne", None, [0, "", False], [None, MISSING]),
        ("lt", 5, [4, 4.9, -1], [5, 6, "4", True, None, MISSING, [4]]),
        ("le", 5, [5, 5.0, 4], [5.1, "5", False, None, MISSING]),
        ("gt", 5, [6, 5.1], [5, "6", True, None, MISSING]),
        ("ge", 5, [5, 6.5], [4, "5", None, MISSING]),
        ("ge", 2**63 - 1, [2**63 - 1, 1e19], [2**63 - 2, 9.223372036854775e18]),
        ("gt", "2026-01-01", ["2026-06-01T08:00:00Z", "2027"], ["2025-12-31", "2026-01-01", 2027, None, MISSING]),
        ("lt", "支付", ["支", "a", ""], ["支付", "支付x"]),
        ("in", ["s1", "s2", 3], ["s1", "s2", 3, 3.0], ["s3", "3", True, None, MISSING]),
        ("in", [True], [True], [1, None, MISSING]),
        ("in", [1, None], [1, None, MISSING], [True, ""]),
        ("not_in", ["s1", 1], ["s2", None, MISSING, True, "1"], ["s1", 1]),
        ("contains", "付", ["支付失败", ["付", "x"]], ["失败", ["支付"], {"付": 1}, 5, None, MISSING]),
        ("contains", 3, [[1, 3], [3.0]], ["3", [True], [[3]], 3, None, MISSING]),
        ("contains", True, [[True]], [[1], "true", True]),
        ("exists", True, [0, "", False, [], {}], [None, MISSING]),
        ("exists", None, [0], [None, MISSING]),
        ("exists", False, [None, MISSING], [0, "", False]),
    ],
)
def test_operators(op, value, holding, not_holding):
    assert [found for found in holding if not says(op, value, found)] == []
    assert [found for found in not_holding if says(op, value, found)] == []


@pytest.mark.parametrize(
    ("op", "value"),
    [
        ("in", "s1"),
        ("in", []),
        ("in", [["a"]]),
        ("in", ["x"] * 101),
        ("in", ["x", "y" * 1001]),
        ("not_in", None),
        ("lt", True),
        ("ge", None),
        ("gt", [1]),
        ("contains", None),
        ("contains", {"a": 1}),
        ("exists", "yes"),
        ("exists", 1),
        ("eq", ["a"]),
        ("eq", "x" * 1001),
        ("ne", {"a": 1}),
    ],
)
def test_a_value_must_suit_its_operator(op, value):
    with pytest.raises(ValidationError) as refused:
        Condition.model_validate({"field": "data.a", "op": op, "value": value})

    assert [error["loc"] for error in refused.value.errors()] == [("value",)]


@pytest.mark.parametrize("op", sorted(set(Op) - {Op.EQ, Op.NE, Op.EXISTS}))
def test_only_some_operators_do_without_a_value(op):
    with pytest.raises(ValidationError) as refused:
        Condition.model_validate({"field": "data.a", "op": op})

    assert refused.value.errors()[0]["loc"] == ("value",)


@pytest.mark.parametrize(
    "field", ["type", "workspace", "data.kpi", "data.author.user_id", "data.attributes.渠道 1", "data.a'b"]
)
def test_attributes_and_paths_below_data_are_fields(field):
    assert Condition(field=field, op=Op.EXISTS).field == field


@pytest.mark.parametrize(
    "field", ["", "kpi", "data", "data.", "data..a", "type.a", "data." + "a" * 101, "data" + ".a" * 11]
)
def test_anything_else_is_no_field(field):
    with pytest.raises(ValidationError) as refused:
        Condition(field=field, op=Op.EXISTS)

    assert refused.value.errors()[0]["loc"] == ("field",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "a", "b", "支"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
SCALARS = st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "a", "b", "支"])


@given(JSON, SCALARS)
def test_opposites_exclude_each_other(found, value):
    assert says("eq", value, found) is not says("ne", value, found)
    assert says("in", [value], found) is says("eq", value, found)
    assert says("not_in", [value], found) is says("ne", value, found)
    assert says("exists", True, found) is not says("exists", False, found)
    assert says("eq", None, found) is says("exists", False, found)
    if not isinstance(value, bool):
        assert not (says("lt", value, found) and says("ge", value, found))
        assert says("le", value, found) is (says("lt", value, found) or says("eq", value, found))


def test_all_conditions_must_hold():
    event = {"type": "kpi.breached", "data": {"kpi": "severe_share", "value": 0.6}}
    stored = [
        {"field": "type", "op": "eq", "value": "kpi.breached"},
        {"field": "data.value", "op": "gt", "value": 0.5},
        {"field": "data.kpi", "op": "eq", "value": "other"},
    ]
    conditions = read_conditions(stored)

    assert [one.model_dump(mode="json") for one in conditions] == stored
    assert all_hold([], event)
    assert all_hold(conditions[:2], event)
    assert not all_hold(conditions, event)


def test_a_path_goes_through_objects_only():
    event = {"data": {"author": {"user_id": "u1"}, "tags": ["a"], "a.b": 1}}

    assert value_at(event, "data.author.user_id") == "u1"
    assert value_at(event, "data.tags.0") is None
    assert value_at(event, "data.author.user_id.x") is None
