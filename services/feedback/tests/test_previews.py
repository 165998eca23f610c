"""What a rule would move is shown before it holds, and nothing of it is kept."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from opsloop_feedback.previews import rules, service
from opsloop_feedback.previews.rules import Moved, moved, preview_of, with_rule
from opsloop_feedback.sorting.rules import UNTAUGHT, Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage_rules.rules import TeamRule, read_rule

PATH = "/v1/triage-rules/preview"
LOGIN = [{"field": "data.text", "op": "contains", "value": "login"}]


def body(**fields: Any) -> dict[str, Any]:
    return {"name": "Login", "when": LOGIN, "set": {"area": "access", "severity": "s2"}} | fields


async def preview(desk: Any, expect: int = 200, replaces: str | None = None, **fields: Any) -> dict[str, Any]:
    given = {"rule": body(**fields)} | ({"replaces": replaces} if replaces else {})
    answer = await desk.client.post(PATH, json=given, headers=desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


def rule(name: str, **decides: str) -> TeamRule:
    return read_rule(id=name, name=name, when=LOGIN, decides=decides, add_tags=())


def post(text: str, **more: Any) -> tuple[Any, int, Submission]:
    return uuid4(), 1, Submission(body=text, source="partner", **more)


async def test_it_shows_what_would_be_otherwise_and_keeps_nothing(desk):
    slow = await desk.post(body="The login is slow")
    await desk.post(body="The map is slow")
    newest = await desk.post(body="I love the login")

    found = await preview(desk)

    assert (found["looked_at"], found["moved"]) == (3, 2)
    assert found["fields"] == {"kind": 0, "severity": 2, "area": 2, "tags": 0}
    assert [item["feedback_id"] for item in found["items"]] == [newest["id"], slow["id"]]
    first = found["items"][1]
    assert (first["number"], first["fields"]) == (slow["number"], ["severity", "area"])
    assert first["now"] == {"kind": "bug", "severity": "s3", "area": None, "tags": []}
    assert first["then"] == {"kind": "bug", "severity": "s2", "area": "access", "tags": []}
    assert (await desk.get("/v1/triage-rules"))["items"] == []
    assert (await desk.get(f"/v1/feedback/{slow['id']}"))["area"] is None
    assert (await desk.post(body="The login is slow"))["area"] is None


async def test_a_changed_rule_is_held_against_itself_as_it_is(desk):
    made = (await desk.client.post("/v1/triage-rules", json=body(), headers=desk.agent)).json()
    await desk.post(body="The login is slow")

    same = await preview(desk, replaces=made["id"])
    other = await preview(desk, replaces=made["id"], set={"area": "doors", "severity": "s2"})
    gone = await preview(desk, replaces=made["id"], enabled=False)

    assert same["moved"] == 0
    assert [item["fields"] for item in other["items"]] == [["area"]]
    assert (gone["items"][0]["now"]["area"], gone["items"][0]["then"]["area"]) == ("access", None)


async def test_where_it_stands_among_the_others_counts(desk):
    given = body(name="First", position=5, set={"area": "first"})
    await desk.client.post("/v1/triage-rules", json=given, headers=desk.agent)
    await desk.post(body="The login is slow")

    assert (await preview(desk, position=9, set={"area": "late"}))["moved"] == 0
    assert (await preview(desk, position=1, set={"area": "early"}))["moved"] == 1


async def test_what_the_sender_said_of_the_kind_stays(desk):
    await desk.post(body="The login is slow", kind="question")

    assert (await preview(desk, set={"kind": "complaint"}))["moved"] == 0


async def test_title_attributes_and_rating_are_looked_at(desk):
    await desk.post(body="x", title="Login")
    await desk.post(body="x", attributes={"tier": "vip"})
    await desk.post(body="x", rating=1)

    assert (await preview(desk))["moved"] == 1
    tier = [{"field": "data.attributes.tier", "op": "eq", "value": "vip"}]
    assert (await preview(desk, when=tier))["moved"] == 1
    assert (await preview(desk, when=[{"field": "data.rating", "op": "eq", "value": 1}]))["moved"] == 1


async def test_only_the_newest_are_looked_at_and_only_some_are_shown(desk, monkeypatch):
    monkeypatch.setattr(service, "LOOKED_AT", 4)
    monkeypatch.setattr(rules, "SHOWN", 2)
    posts = [await desk.post(body=f"login {number}") for number in range(6)]

    found = await preview(desk)

    assert (found["looked_at"], found["moved"], len(found["items"])) == (4, 4, 2)
    assert [item["number"] for item in found["items"]] == [posts[5]["number"], posts[4]["number"]]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"when": [{"field": "data.body", "op": "eq", "value": "x"}]}, "/when/0/field"),
        ({"when": [{"field": "data.text", "op": "regex", "value": "["}]}, "/rule/when/0/value"),
        ({"set": {}}, "/set"),
    ],
)
async def test_what_is_no_rule_is_refused(desk, fields, pointer):
    answer = await preview(desk, expect=422, **fields)

    assert pointer in [error["pointer"] for error in answer["errors"]]


async def test_a_rule_that_is_not_there_is_not_replaced(desk):
    await preview(desk, expect=404, replaces=str(uuid4()))


async def test_nobody_tries_rules_on_another_workspaces_posts(desk):
    await desk.post(body="The login is slow")
    stranger = await desk.api.key("feedback:read", workspace="other")

    answer = await desk.client.post(PATH, json={"rule": body()}, headers=stranger)

    assert (answer.status_code, answer.json()["looked_at"]) == (200, 0)
    assert (await desk.client.post(PATH, json={"rule": body()})).status_code == 401
    submitter = await desk.api.key("feedback:submit")
    assert (await desk.client.post(PATH, json={"rule": body()}, headers=submitter)).status_code == 403


def test_a_rule_takes_its_place_among_the_others():
    sorter = with_rule(UNTAUGHT, [(1, rule("a")), (5, rule("c"))], (3, rule("b")))

    assert [each.name for each in sorter.rules] == ["a", "b", "c"]
    assert with_rule(UNTAUGHT, [(1, rule("a"))], None).rules == (rule("a"),)
    assert [each.name for each in with_rule(UNTAUGHT, [(1, rule("z"))], (1, rule("~"))).rules] == ["z", "~"]


def test_a_post_that_stays_is_not_moved():
    then = Sorter(rules=(rule("r", area="access"),))

    assert moved(post("the map"), now=UNTAUGHT, then=then) is None
    found = moved(post("the login"), now=UNTAUGHT, then=then)
    assert found is not None
    assert found.fields == ["area"]


def test_a_preview_counts_each_field():
    then = Sorter(rules=(rule("r", area="access", severity="s1"),))
    found = preview_of(moved(post(text), now=UNTAUGHT, then=then) for text in ("login", "map", "login"))

    assert (found.looked_at, found.moved, found.fields) == (3, 2, {"kind": 0, "severity": 2, "area": 2, "tags": 0})
    assert all(isinstance(each, Moved) for each in found.items)
    assert preview_of([]).fields == {"kind": 0, "severity": 0, "area": 0, "tags": 0}


async def test_what_a_person_made_of_a_post_since_makes_no_difference(desk):
    slow = await desk.post(body="The login is slow")
    await desk.patch(slow["id"], area="mine", severity="s1")

    [item] = (await preview(desk))["items"]

    assert (item["now"]["area"], item["then"]["area"]) == (None, "access")
    assert (await desk.get(f"/v1/feedback/{slow['id']}"))["area"] == "mine"


async def test_long_posts_are_read_as_far_as_triage_reads(desk):
    await desk.post(body="x " * 1_500 + "login")
    await desk.post(body="login " + "x " * 20_000)

    assert (await preview(desk))["moved"] == 1
