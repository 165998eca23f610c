"""Conditions and placeholders, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_campaigns.campaigns import rules as campaign_rules
from opsloop_campaigns.content import rules as content
from opsloop_campaigns.playbooks.rules import Condition, Op, holds, judge, lookup, matches, read_condition
from opsloop_campaigns.recipients.rules import Count, Outcome
from opsloop_common.errors import Invalid

MISSING = None


@pytest.mark.parametrize(
    ("op", "value", "holding", "not_holding"),
    [
        ("eq", "x", ["x"], ["X", "", 1, True, ["x"], MISSING]),
        ("eq", 1, [1, 1.0], ["1", True, 2, MISSING]),
        ("eq", True, [True], [1, "true", False, MISSING]),
        ("eq", None, [MISSING], [0, "", False]),
        ("eq", "支付", ["支付"], ["支付 ", MISSING]),
        ("ne", "x", ["y", 1, MISSING, ["x"]], ["x"]),
        ("ne", 0, [False, MISSING, 1], [0, 0.0]),
        ("lt", 5, [4, 4.9, -1], [5, 6, "4", True, MISSING, [4]]),
        ("le", 5, [5, 5.0, 4], [5.1, "5", False, MISSING]),
        ("gt", 5, [6, 5.1], [5, "6", True, MISSING]),
        ("ge", 5, [5, 6.5], [4, "5", MISSING]),
        ("gt", "2026-01-01", ["2026-06-01", "2027"], ["2025-12-31", "2026-01-01", 2027, MISSING]),
        ("in", ["s1", "s2", 3], ["s1", "s2", 3, 3.0], ["s3", "3", True, MISSING]),
        ("in", [True], [True], [1, MISSING]),
        ("not_in", ["s1", 1], ["s2", MISSING, True, "1"], ["s1", 1]),
        ("contains", "付", ["支付失败", ["付", "x"]], ["失败", ["支付"], 5, MISSING]),
        ("contains", 3, [[1, 3], [3.0]], ["3", [True], 3, MISSING]),
        ("exists", True, [0, "", False, [], {}], [MISSING]),
        ("exists", False, [MISSING], [0, "", False]),
    ],
)
def test_operators(op, value, holding, not_holding):
    condition = read_condition({"field": "data.a", "op": op, "value": value}, "/when/0")

    assert [found for found in holding if not holds(condition, found)] == []
    assert [found for found in not_holding if holds(condition, found)] == []


@pytest.mark.parametrize(
    ("op", "value"),
    [
        ("in", "s1"),
        ("in", []),
        ("in", [["a"]]),
        ("in", ["x"] * 101),
        ("not_in", None),
        ("lt", True),
        ("ge", None),
        ("gt", [1]),
        ("contains", None),
        ("contains", {"a": 1}),
        ("exists", "yes"),
        ("eq", ["a"]),
        ("ne", {"a": 1}),
    ],
)
def test_a_value_must_suit_its_operator(op, value):
    with pytest.raises(Invalid) as refused:
        read_condition({"field": "data.a", "op": op, "value": value}, "/when/3")

    assert refused.value.errors[0].pointer == "/when/3/value"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "a", "b", "支"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)
SCALARS = st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "a", "b", "支"])


@given(JSON, SCALARS)
def test_opposites_exclude_each_other(found, value):
    def says(op: Op, given_value=value) -> bool:
        return holds(Condition("data.a", op, given_value), found)

    assert says(Op.EQ) is not says(Op.NE)
    assert says(Op.IN, [value]) is says(Op.EQ)
    assert says(Op.NOT_IN, [value]) is says(Op.NE)
    assert says(Op.EXISTS, True) is not says(Op.EXISTS, False)
    if not isinstance(value, bool):
        assert not (says(Op.LT) and says(Op.GE))
        assert says(Op.LE) is (says(Op.LT) or (says(Op.EQ) and not isinstance(found, bool)))


def test_all_conditions_must_hold_and_each_says_why():
    event = {"type": "kpi.breached", "data": {"kpi": "severe_share", "value": 0.6}}
    conditions = [Condition("data.kpi", Op.EQ, "severe_share"), Condition("data.value", Op.GT, "0.5")]

    assert [verdict.why for verdict in judge(conditions, event)] == [
        "the condition holds",
        "values of these kinds have no order",
    ]
    assert not matches(conditions, event)
    assert matches(conditions[:1], event)
    assert matches([], event)


def test_a_path_goes_through_objects_only():
    event = {"data": {"author": {"user_id": "u1"}, "tags": ["a"], "a.b": 1}}

    assert lookup(event, "data.author.user_id") == "u1"
    assert lookup(event, "data.tags.0") is None
    assert lookup(event, "data.author.user_id.x") is None


@pytest.mark.parametrize(
    "text",
    [
        "{{ event.data.kpi",
        "{{ event.data.kpi | upper }}",
        "{{ user.name }}",
        "{{ event }}",
        "{{ event.data }}",
        "{{ event.actor }}",
        "{{ event.data.kpi() }}",
        "{{ }}",
        "{{{ event.data.kpi",
        "{{ event.data.__class__ . x }}",
    ],
)
def test_unknown_placeholders_are_refused(text):
    assert content.placeholder_fault(text)


@pytest.mark.parametrize("text", ["", "plain }}", "{ not one }", "{{event.id}}", "{{ event.data.area.名称 }} 好"])
def test_known_placeholders_are_taken(text):
    assert content.placeholder_fault(text) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("支付", "支付"),
        (0.1 + 0.2, "0.3"),
        (3.0, "3"),
        (42, "42"),
        (True, "true"),
        (None, ""),
        (["a", 1], "a, 1"),
        ({"a": 1}, '{"a":1}'),
        ("x" * 600, "x" * 499 + "…"),
        (12345678.5, "12345678.5"),
    ],
)
def test_values_are_written_for_readers(value, shown):
    assert content.render("{{ event.data.a }}", {"data": {"a": value}}) == shown


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_template(text, other):
    event = {"data": {"a": "{{ event.data.b }}" + text[:100], "b": other}}

    assert content.render("<{{ event.data.a }}>", event) == f"<{{{{ event.data.b }}}}{text[:100]}>"


COUNTS = st.lists(
    st.builds(
        Count,
        st.sampled_from(list(Outcome)),
        st.sampled_from([None, "no_address", "rejected"]),
        st.sampled_from([None, "en", "zh-CN"]),
        st.integers(1, 9),
    )
)


@given(st.sampled_from(list(campaign_rules.Status)), st.integers(0, 9), COUNTS)
def test_results_add_up(status, audience_size, counts):
    results = campaign_rules.results(status, audience_size, counts)

    assert sum(results.by_status.values()) == results.audience_size
    assert results.audience_size == (sum(count.count for count in counts) if counts else audience_size)


def test_a_campaign_can_reach_every_status():
    reached = {campaign_rules.Status.DRAFT}
    while more := {after for before in reached for after in campaign_rules.TRANSITIONS[before]} - reached:
        reached |= more

    assert reached == set(campaign_rules.Status) - {campaign_rules.Status.FINISHED}
