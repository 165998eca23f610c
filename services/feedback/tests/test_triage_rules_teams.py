"""What teams decide by rules, as a support lead would write it: each with a post that it is about and one that it is not."""

from __future__ import annotations

from typing import Any

import pytest

from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage_rules.rules import DECIDES, read_rule, require_known

TEAMS: dict[str, dict[str, Any]] = {
    "payments of important customers": {
        "when": [
            {"field": "data.attributes.tier", "op": "in", "value": ["vip", "gold"]},
            {
                "any": [
                    {"field": "data.text", "op": "contains", "value": "支付"},
                    {"field": "data.text", "op": "contains", "value": "payment"},
                ]
            },
        ],
        "set": {"severity": "s1", "area": "payments"},
        "about": {"body": "Payment is slow", "attributes": {"tier": "gold"}},
        "not_about": {"body": "Payment is slow", "attributes": {"tier": "free"}},
    },
    "a version that was called back": {
        "when": [{"field": "data.attributes.version", "op": "regex", "value": "^5\\.2(\\.|$)"}],
        "set": {"add_tags": ["called-back"], "severity": "s2"},
        "about": {"body": "slow", "attributes": {"version": "5.2.9"}},
        "not_about": {"body": "slow", "attributes": {"version": "5.20"}},
    },
    "one star in a shop": {
        "when": [
            {"field": "data.channel", "op": "eq", "value": "store_review"},
            {"field": "data.rating", "op": "le", "value": 1},
        ],
        "set": {"kind": "complaint", "area": "store"},
        "about": {"body": "no", "channel": "store_review", "rating": 1},
        "not_about": {"body": "no", "channel": "survey", "rating": 1},
    },
    "orders by their number": {
        "when": [{"field": "data.text", "op": "regex", "value": "(order|订单号?)\\W{0,3}\\d{5,}"}],
        "set": {"add_tags": ["order"]},
        "about": {"body": "订单号：209311 还没到"},
        "not_about": {"body": "订单号是多少"},
    },
    "the phone in Chinese": {
        "when": [
            {"field": "data.channel", "op": "eq", "value": "phone"},
            {"field": "data.language", "op": "eq", "value": "zh"},
        ],
        "set": {"area": "hotline-zh"},
        "about": {"body": "客户来电询问发票", "channel": "phone"},
        "not_about": {"body": "asks for an invoice", "channel": "phone"},
    },
    "a partner that sends tests": {
        "when": [
            {"field": "data.source", "op": "eq", "value": "partner"},
            {"field": "data.title", "op": "eq", "value": "ping"},
        ],
        "set": {"kind": "other", "severity": "s4", "add_tags": ["test"]},
        "about": {"body": "crash", "title": "ping"},
        "not_about": {"body": "crash", "title": "pong"},
    },
    "angry words of who pays": {
        "when": [
            {"field": "data.sentiment", "op": "lt", "value": -0.5},
            {"field": "data.attributes.plan", "op": "ne", "value": "free"},
        ],
        "set": {"add_tags": ["call-back"]},
        "about": {"body": "terrible, awful, the worst", "attributes": {"plan": "pro"}},
        "not_about": {"body": "terrible, awful, the worst", "attributes": {"plan": "free"}},
    },
    "wishes of schools": {
        "when": [
            {"field": "data.kind", "op": "eq", "value": "idea"},
            {"field": "data.attributes.sector", "op": "eq", "value": "school"},
        ],
        "set": {"area": "education"},
        "about": {"body": "Please add a timetable", "attributes": {"sector": "school"}},
        "not_about": {"body": "The timetable is wrong", "attributes": {"sector": "school"}},
    },
    "what beta testers find": {
        "when": [
            {"field": "data.tags", "op": "contains", "value": "beta"},
            {"field": "data.severity", "op": "in", "value": ["s1", "s2"]},
        ],
        "set": {"severity": "s3", "add_tags": ["beta-bug"]},
        "about": {"body": "It crashes", "tags": ["beta"]},
        "not_about": {"body": "It crashes", "tags": []},
    },
    "texts in Taiwan's spelling": {
        "when": [{"field": "data.text", "op": "contains", "value": "發票"}],
        "set": {"area": "invoices"},
        "about": {"body": "发票金额不对"},
        "not_about": {"body": "收据金额不对"},
    },
    "somebody who is looked after": {
        "when": [{"field": "data.author.user_id", "op": "in", "value": ["u1", "u2"]}],
        "set": {"add_tags": ["care"], "severity": "s2"},
        "about": {"body": "hello", "author_user_id": "u2"},
        "not_about": {"body": "hello", "author_user_id": "u3"},
    },
    "no locale given": {
        "when": [{"field": "data.locale", "op": "exists", "value": False}],
        "set": {"add_tags": ["no-locale"]},
        "about": {"body": "hello"},
        "not_about": {"body": "hello", "locale": "en"},
    },
}


def sorter(name: str) -> Sorter:
    team = TEAMS[name]
    decides = {field: team["set"].get(field) for field in DECIDES}
    rule = read_rule(id=name, name=name, when=team["when"], decides=decides, add_tags=team["set"].get("add_tags", ()))
    return Sorter(rules=(rule,))


def said(fields: dict[str, Any]) -> Submission:
    return Submission(source="partner", **fields)


@pytest.mark.parametrize("name", TEAMS)
def test_a_post_that_it_is_about_is_what_the_team_decided(name: str):
    found = sorter(name).sort(said(TEAMS[name]["about"]))
    decided = TEAMS[name]["set"]

    assert {field: getattr(found, field) for field in DECIDES if field in decided} == {
        field: value for field, value in decided.items() if field != "add_tags"
    }
    assert set(decided.get("add_tags", ())) <= set(found.tags)


@pytest.mark.parametrize("name", TEAMS)
def test_a_post_that_it_is_not_about_is_as_without_it(name: str):
    other = said(TEAMS[name]["not_about"])

    assert sorter(name).sort(other) == UNTAUGHT.sort(other)


@pytest.mark.parametrize("name", TEAMS)
def test_each_looks_at_what_posts_have(name: str):
    require_known(TEAMS[name]["when"], "/when")


@pytest.mark.parametrize("name", TEAMS)
def test_each_says_that_it_decided(name: str):
    found = sorter(name).sort(said(TEAMS[name]["about"]))
    plain = UNTAUGHT.sort(said(TEAMS[name]["about"]))
    fields = {field for field in DECIDES if getattr(found, field) != getattr(plain, field)}

    by = {why["field"] for why in found.document["reasons"] if why["rule"] == "team_rule" and why["words"] == [name]}
    assert fields - {"severity"} <= by
