"""What is said of names in a definition that nothing is called: pure."""

from __future__ import annotations

import pytest

from opsloop_metrics.hints import rules
from opsloop_metrics.hints.rules import Known, Named
from services.metrics.tests.segmenting import event, prop

KNOWN = Known(
    frozenset({"buy", "Signed Up", "支付成功"}),
    {"buy": frozenset({"amount", "Plan"}), "支付成功": frozenset({"金额"})},
    frozenset({"email", "organic_search"}),
)


def where(field, value="x", op="eq"):
    return {"field": field, "op": op, "value": value}


def definition(*conditions):
    told = [each | {"where": each.get("where", [])} if each["type"] != "group" else each for each in conditions]
    return {"match": "all", "conditions": told, "exclude": {"segment_ids": [], "user_ids": []}}


def told(*conditions):
    return rules.warnings(list(rules.named(definition(*conditions))), KNOWN)


def test_what_a_definition_names_is_found_wherever_it_stands():
    asked = definition(
        event("buy", where=[where("properties.plan.name"), where("country"), where("channel", ["a", "b"], "in")]),
        {"type": "group", "match": "any", "conditions": [
            {"type": "trait", "trait": "city", "op": "eq", "value": "x"},
            {"type": "group", "match": "all", "conditions": [prop("sum", "ge", 1, where=[])]},
        ]},
        event(None, where=[where("properties.plan"), where("channel", "e", "ne"), where("channel", None)]),
    )  # fmt: skip

    inner = "/definition/conditions/1/conditions/1/conditions/0"
    assert list(rules.named(asked)) == [
        Named("/definition/conditions/0/event", "event", "buy"),
        Named("/definition/conditions/0/where/0/field", "property", "properties.plan.name", "buy"),
        Named("/definition/conditions/0/where/2/value", "channel", "a"),
        Named("/definition/conditions/0/where/2/value", "channel", "b"),
        Named(f"{inner}/event", "event", "buy"),
        Named(f"{inner}/property", "property", "properties.amount", "buy"),
    ]


def test_what_is_called_so_needs_no_word():
    assert told(
        event("buy", where=[where("properties.Plan.name"), where("channel", "email")]), prop("sum", "ge", 1)
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "pointer", "meant", "en", "zh"),
    [
        (
            event("Buy"), "/definition/conditions/0/event", "buy",
            'No event is called "Buy" so far; did you mean "buy"?', "尚未收到名为“Buy”的事件；是否指“buy”？",
        ),
        (
            event("支付"), "/definition/conditions/0/event", "支付成功",
            'No event is called "支付" so far; did you mean "支付成功"?', "尚未收到名为“支付”的事件；是否指“支付成功”？",
        ),
        (
            event("zzz"), "/definition/conditions/0/event", None,
            'No event is called "zzz" so far.', "尚未收到名为“zzz”的事件。",
        ),
        (
            event("buy", where=[where("properties.plan.name")]), "/definition/conditions/0/where/0/field", "properties.Plan.name",
            'No event "buy" had "properties.plan.name" lately; did you mean "properties.Plan.name"?',
            "最近的“buy”事件没有“properties.plan.name”；是否指“properties.Plan.name”？",
        ),
        (
            event("buy", where=[where("channel", "Email")]), "/definition/conditions/0/where/0/value", "email",
            'Nobody came by the channel "Email" so far; did you mean "email"?', "尚无人经由渠道“Email”而来；是否指“email”？",
        ),
    ],
)  # fmt: skip
def test_what_nothing_is_called_is_told_with_the_nearest(asked, pointer, meant, en, zh):
    [found] = told(asked)

    assert (found.pointer, found.did_you_mean, found.en, found.zh) == (pointer, meant, en, zh)


def test_of_an_event_that_is_none_no_properties_are_told():
    assert [each.name for each in told(event("zzz", where=[where("properties.plan")]))] == ["zzz"]


def test_at_most_ten_are_told_and_long_names_are_cut():
    found = told(*(event(f"{'长' * 199}{place}") for place in range(20)))

    assert len(found) == rules.MOST == 10
    assert all(len(each.zh) < 150 and each.did_you_mean is None for each in found)
    assert found[0].name == "长" * 199 + "0"
