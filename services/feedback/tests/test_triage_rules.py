"""Triage rules: what a team decides about posts of which something holds, over HTTP and as pure rules."""

from __future__ import annotations

from typing import Any

import pytest

from opsloop_common import limits
from opsloop_common.errors import Invalid
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage_rules.rules import FIELDS, TeamRule, read_rule, require_decision, require_known

PATH = "/v1/triage-rules"
VIP = [{"field": "data.attributes.tier", "op": "eq", "value": "vip"}]


def rule(name: str, when: list[dict[str, Any]], *, add_tags: tuple[str, ...] = (), **decides: str) -> TeamRule:
    return read_rule(id=name, name=name, when=when, decides=decides, add_tags=add_tags)


def text(op: str, value: str) -> list[dict[str, Any]]:
    return [{"field": "data.text", "op": op, "value": value}]


async def make(desk: Any, expect: int = 201, **fields: Any) -> dict[str, Any]:
    body = {"name": "VIP", "when": VIP, "set": {"severity": "s1", "add_tags": ["vip"]}} | fields
    answer = await desk.client.post(PATH, json=body, headers=desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


# what conditions look at


@pytest.mark.parametrize(
    ("when", "said", "holds"),
    [
        (text("contains", "支付"), {"body": "支付很慢"}, True),
        (text("contains", "支付"), {"body": "页面很慢", "title": "支付"}, True),
        (text("contains", "PAYMENT"), {"body": "Payment is slow"}, True),
        (text("contains", "報表"), {"body": "报表很慢"}, True),
        (text("contains", "报表"), {"body": "報表很慢"}, True),
        (text("contains", "invoice"), {"body": "Payment is slow"}, False),
        (text("regex", r"order \d{4}"), {"body": "about Order 2093"}, True),
        (text("regex", r"order \d{4}"), {"body": "about order 20"}, False),
        ([{"field": "data.rating", "op": "le", "value": 2}], {"body": "x", "rating": 1}, True),
        ([{"field": "data.rating", "op": "le", "value": 2}], {"body": "x", "rating": 3}, False),
        ([{"field": "data.rating", "op": "le", "value": 2}], {"body": "x"}, False),
        (VIP, {"body": "x", "attributes": {"tier": "vip"}}, True),
        (VIP, {"body": "x", "attributes": {"tier": "free"}}, False),
        (VIP, {"body": "x"}, False),
        (
            [{"field": "data.attributes.version", "op": "regex", "value": r"^5\.2"}],
            {"body": "x", "attributes": {"version": "5.2.1"}},
            True,
        ),
        ([{"field": "data.channel", "op": "in", "value": ["email", "phone"]}], {"body": "x", "channel": "email"}, True),
        ([{"field": "data.channel", "op": "in", "value": ["email", "phone"]}], {"body": "x", "channel": "api"}, False),
        ([{"field": "data.locale", "op": "eq", "value": "zh-CN"}], {"body": "x", "locale": "zh-CN"}, True),
        ([{"field": "data.source", "op": "eq", "value": "partner"}], {"body": "x"}, True),
        ([{"field": "data.kind", "op": "eq", "value": "bug"}], {"body": "It crashes"}, True),
        ([{"field": "data.severity", "op": "in", "value": ["s1", "s2"]}], {"body": "It crashes"}, True),
        ([{"field": "data.sentiment", "op": "lt", "value": 0}], {"body": "awful"}, True),
        ([{"field": "data.language", "op": "eq", "value": "zh"}], {"body": "很慢"}, True),
        ([{"field": "data.tags", "op": "contains", "value": "beta"}], {"body": "x", "tags": ["beta"]}, True),
        ([{"field": "data.author.user_id", "op": "eq", "value": "u1"}], {"body": "x", "author_user_id": "u1"}, True),
        ([{"any": [*text("contains", "Login"), *VIP]}], {"body": "login is slow"}, True),
        ([{"any": [*text("contains", "Login"), *VIP]}], {"body": "page is slow"}, False),
        ([{"all": [*text("contains", "login"), *VIP]}], {"body": "login is slow"}, False),
        ([], {"body": "anything"}, True),
    ],
)
def test_what_a_rule_is_about(when: list[dict[str, Any]], said: dict[str, Any], holds: bool):
    found = Sorter(rules=(rule("r", when, add_tags=("hit",)),)).sort(Submission(source="partner", **said))

    assert ("hit" in found.tags) is holds


def test_the_first_that_holds_decides_a_field_and_all_add_tags():
    rules = (
        rule("first", text("contains", "login"), severity="s2", add_tags=("login",)),
        rule("second", text("contains", "slow"), severity="s4", area="speed", add_tags=("slow", "login")),
        rule("third", text("contains", "never"), kind="praise", add_tags=("never",)),
    )
    found = Sorter(rules=rules).sort(Submission(body="login is slow", source="partner", tags=["own"]))

    assert (found.severity, found.area, found.tags) == ("s2", "speed", ["own", "login", "slow"])
    by = {(why["field"], why["rule"]): why["words"] for why in found.document["reasons"]}
    assert by["severity", "team_rule"] == ["first"]
    assert by["area", "team_rule"] == ["second"]


def test_a_kind_that_is_decided_is_sure_and_its_severity_follows():
    found = Sorter(rules=(rule("hours", text("contains", "hours"), kind="bug"),)).sort(
        Submission(body="The hours in the guide", source="partner")
    )

    assert (found.kind, found.severity, found.document["confidence"]) == ("bug", "s3", 1.0)


def test_what_the_sender_says_of_kind_and_area_stays_and_the_rest_is_decided():
    found = Sorter(rules=(rule("all", [], kind="bug", area="maps", severity="s2"),)).sort(
        Submission(body="x", source="partner", kind="idea", area="doors")
    )

    assert (found.kind, found.area, found.severity) == ("idea", "doors", "s2")


def test_a_team_may_lower_what_is_most_severe():
    found = Sorter(rules=(rule("calm", text("contains", "demo"), severity="s4"),)).sort(
        Submission(body="the demo crashes", source="partner")
    )

    assert found.severity == "s4"


def test_tags_stay_within_their_bound():
    rules = tuple(
        rule(f"r{number}", [], add_tags=tuple(f"t{number}-{each}" for each in range(50))) for number in range(3)
    )

    assert len(Sorter(rules=rules).sort(Submission(body="x", source="partner")).tags) == 50


@pytest.mark.parametrize("field", [*FIELDS, "data.attributes.anything", "data.attributes.a.b"])
def test_a_rule_may_look_at_what_posts_have(field: str):
    require_known([{"field": field, "op": "exists", "value": True}], "/when")


@pytest.mark.parametrize("field", ["data.body", "data.txt", "type", "data.author.email", "data.attributes"])
def test_and_at_nothing_else(field: str):
    for when, pointer in (
        ([{"field": field}], "/when/0/field"),
        ([{"any": [{"all": [{"field": field}]}]}], "/when/0/any/0/all/0/field"),
    ):
        with pytest.raises(Invalid) as refused:
            require_known(when, "/when")
        assert refused.value.errors[0].pointer == pointer


def test_a_rule_decides_something():
    require_decision({"kind": None, "severity": None, "area": "maps"}, [])
    require_decision({"kind": None, "severity": None, "area": None}, ["vip"])
    with pytest.raises(Invalid):
        require_decision({"kind": None, "severity": None, "area": None}, [])


# over HTTP


async def test_a_rule_holds_at_once_for_what_comes_in(desk):
    before = await desk.post(body="支付失败, 扣款两次", attributes={"tier": "vip", "version": "5.2"})
    made = await make(
        desk,
        name="Payments of VIPs",
        when=[*VIP, {"field": "data.text", "op": "contains", "value": "支付"}],
        set={"kind": "bug", "severity": "s1", "area": "payments", "add_tags": ["vip"]},
    )
    after = await desk.post(body="支付失败, 扣款两次", attributes={"tier": "vip", "version": "5.2"})
    other = await desk.post(body="支付失败, 扣款两次", attributes={"tier": "free"})

    assert (before["area"], before["tags"]) == (None, [])
    assert (after["kind"], after["severity"], after["area"], after["tags"]) == ("bug", "s1", "payments", ["vip"])
    assert after["sentiment"] <= -0.8
    assert (other["area"], other["tags"]) == (None, [])
    assert made["set"] == {"kind": "bug", "severity": "s1", "area": "payments", "add_tags": ["vip"]}
    received = [event for event in await desk.api.events() if event.type == "feedback.received"]
    assert [event.data["area"] for event in received] == [None, "payments", None]


async def test_a_batch_goes_by_it_too(desk):
    await make(desk)
    rows = [{"external_id": "a", "body": "x", "attributes": {"tier": "vip"}}, {"external_id": "b", "body": "x"}]
    answer = await desk.client.post("/v1/feedback:batch", json={"items": rows}, headers=desk.agent)
    found = [await desk.get(f"/v1/feedback/{row['id']}") for row in answer.json()["items"]]

    assert [(item["severity"], item["tags"]) for item in found] == [("s1", ["vip"]), ("s4", [])]


async def test_a_changed_rule_and_one_that_is_gone_hold_at_once(desk):
    made = await make(desk)
    path = f"{PATH}/{made['id']}"
    vip = {"body": "x", "attributes": {"tier": "vip"}}
    assert (await desk.post(**vip))["severity"] == "s1"

    changed = await desk.client.patch(path, json={"set": {"severity": "s2"}}, headers=desk.agent)
    assert changed.json()["set"] == {"kind": None, "severity": "s2", "area": None, "add_tags": []}
    assert (await desk.post(**vip))["severity"] == "s2"

    await desk.client.patch(path, json={"enabled": False}, headers=desk.agent)
    assert (await desk.post(**vip))["severity"] == "s4"

    await desk.client.patch(path, json={"enabled": True}, headers=desk.agent)
    assert (await desk.client.delete(path, headers=desk.agent)).status_code == 204
    assert (await desk.post(**vip))["severity"] == "s4"


async def test_they_are_listed_in_the_order_in_which_they_decide(desk):
    for name, position in (("c", 5), ("a", 7), ("b", 0)):
        await make(desk, name=name, position=position)

    first = await desk.get(PATH, limit=2)
    rest = await desk.get(PATH, limit=2, cursor=first["next_cursor"])

    assert [item["name"] for item in (*first["items"], *rest["items"])] == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"when": [{"field": "data.body", "op": "eq", "value": "x"}]}, "/when/0/field"),
        ({"when": [{"field": "data.text", "op": "regex", "value": "("}]}, "/when/0/value"),
        ({"when": [{"field": "data.text", "op": "like", "value": "x"}]}, "/when/0/op"),
        ({"set": {}}, "/set"),
        ({"set": {"kind": "wish"}}, "/set/kind"),
        ({"set": {"team": "x"}}, "/set/team"),
        ({"position": -1}, "/position"),
        ({"name": ""}, "/name"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_its_place(desk, fields, pointer):
    answer = await make(desk, expect=422, **fields)

    assert pointer in [error["pointer"] for error in answer["errors"]]


async def test_a_change_that_makes_no_sense_is_refused_and_nothing_changes(desk):
    made = await make(desk)
    path = f"{PATH}/{made['id']}"

    refused = await desk.client.patch(path, json={"set": {"add_tags": []}}, headers=desk.agent)

    assert refused.status_code == 422
    assert await desk.get(path) == made


async def test_a_name_is_taken_once_and_there_are_only_so_many(desk, monkeypatch):
    await make(desk)
    await make(desk, expect=409)
    monkeypatch.setattr(limits, "TRIAGE_RULES_PER_WORKSPACE", 1)

    refused = await make(desk, expect=409, name="another")

    assert refused["type"].endswith("too_many")


async def test_nobody_sorts_by_another_workspaces_rules(desk):
    made = await make(desk)
    stranger = await desk.api.key("feedback:read", "feedback:write", workspace="other")

    for method in ("GET", "DELETE"):
        assert (await desk.client.request(method, f"{PATH}/{made['id']}", headers=stranger)).status_code == 404
    theirs = await desk.client.post("/v1/feedback", json={"body": "x", "attributes": {"tier": "vip"}}, headers=stranger)
    assert theirs.json()["severity"] == "s4"


async def test_reading_is_not_writing(desk):
    reader = await desk.api.key("feedback:read")
    body = {"name": "VIP", "when": VIP, "set": {"severity": "s1"}}

    assert (await desk.client.post(PATH, json=body)).status_code == 401
    assert (await desk.client.post(PATH, json=body, headers=reader)).status_code == 403
    assert (await desk.client.get(PATH, headers=reader)).status_code == 200
