"""What conditions of the desk see of a post, and what they may ask for."""

import pytest

from opsloop_common.errors import Invalid
from opsloop_common.filters import all_hold, read_filter
from opsloop_feedback.facts.rules import COLUMNS, FIELDS, count_conditions, document_of, require_known

POST = {
    "title": "支付",
    "body": "支付失败，订单 4711",
    "kind": "bug",
    "severity": "s1",
    "sentiment": -0.9,
    "rating": 1,
    "channel": "api",
    "source": "shop",
    "locale": "zh-CN",
    "area": "payments",
    "tags": ["ios", "5.2"],
    "team": None,
    "assignee": None,
    "author_user_id": "u1",
    "author_verified": True,
    "attributes": {"tier": "vip", "app": {"version": "5.2.1"}},
    "triage": {"language": "zh"},
}


def term(field, op, value):
    return {"field": field, "op": op, "value": value}


def test_a_post_is_seen_by_all_its_fields():
    document = document_of(POST)

    assert set(POST) == set(COLUMNS)
    for field in FIELDS:
        require_known(read_filter([term(f"data.{field}", "exists", True)]), "/when")
    assert document["data"]["author"] == {"user_id": "u1", "verified": True}
    assert document["data"]["language"] == "zh"
    assert document["data"].keys() == {field.partition(".")[0] for field in FIELDS} | {"attributes"}


@pytest.mark.parametrize(
    ("conditions", "hold"),
    [
        ([], True),
        ([term("data.severity", "in", ["s1", "s2"]), term("data.attributes.tier", "eq", "vip")], True),
        ([term("data.body", "regex", "订单 \\d+")], True),
        ([term("data.tags", "contains", "ios")], True),
        ([term("data.attributes.app.version", "regex", "^5\\.3")], False),
        ([{"any": [term("data.team", "exists", True), term("data.rating", "le", 2)]}], True),
        ([{"all": [term("data.language", "eq", "en"), term("data.rating", "le", 2)]}], False),
        ([term("data.attributes.plan", "eq", "pro")], False),
    ],
)
def test_conditions_hold_or_not(conditions, hold):
    assert all_hold(read_filter(conditions), document_of(POST)) is hold


def test_of_a_long_body_the_beginning_is_seen():
    seen = document_of(POST | {"body": "x" * 2_000 + "y"})

    assert seen["data"]["body"] == "x" * 2_000


def test_conditions_are_counted_in_all_groups():
    one = term("data.kind", "eq", "bug")

    assert count_conditions(read_filter([])) == 1
    assert count_conditions(read_filter([one, {"any": [one, {"all": [one, one]}]}])) == 4


@pytest.mark.parametrize(
    ("conditions", "pointer", "hint"),
    [
        ([term("data.severty", "eq", "s1")], "/when/0/field", "data.severity"),
        ([term("type", "eq", "x")], "/when/0/field", "field of a post"),
        ([{"any": [term("data.kind", "eq", "bug"), term("data.author.email", "eq", "x")]}], "/when/0/any/1/field", ""),
        ([{"all": [{"any": [term("data.number", "eq", 1)]}]}], "/when/0/all/0/any/0/field", ""),
    ],
)
def test_what_a_post_does_not_have_is_refused_by_name(conditions, pointer, hint):
    with pytest.raises(Invalid) as refused:
        require_known(read_filter(conditions), "/when")

    [error] = refused.value.errors
    assert error.pointer == pointer
    assert hint in error.detail
