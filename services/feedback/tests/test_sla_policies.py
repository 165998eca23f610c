"""Policies of service levels through their doors, and which of them a post is held to."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from opsloop_common import limits
from opsloop_common.errors import Invalid
from opsloop_common.filters import read_filter
from opsloop_feedback.sla_policies import rules
from opsloop_feedback.sla_policies.rules import Policy, Target

PATH = "/v1/sla-policies"
SEVERE = [{"field": "data.severity", "op": "in", "value": ["s1", "s2"]}]
POLICY = {"name": "重要客户", "when": SEVERE, "first_reply": "PT1H", "resolution": "P2D"}
NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOUR = timedelta(hours=1)


def policy(number, when=(), made_at=NOW - HOUR):
    targets = {Target.FIRST_REPLY: HOUR}
    return Policy(UUID(int=number), str(number), made_at, read_filter(when), None, targets, 80)


def found(policies, severity):
    policy = rules.policy_of(policies, {"data": {"severity": severity}}, NOW)
    return policy and policy.name


def test_the_first_whose_conditions_hold_counts():
    policies = [policy(1, SEVERE), policy(2)]

    assert [found(policies, severity) for severity in ("s1", "s3")] == ["1", "2"]
    assert found(policies[:1], "s3") is None
    assert found([], "s1") is None


def test_a_post_is_held_to_what_was_promised_when_it_came():
    assert found([policy(1, made_at=NOW)], "s1") == "1"
    assert found([policy(1, made_at=NOW + timedelta(microseconds=1))], "s1") is None


def test_it_warns_after_its_share_of_the_target():
    assert policy(1).warns_after(Target.FIRST_REPLY) == timedelta(minutes=48)


def test_a_policy_promises_something():
    rules.require_target([None, None, HOUR])
    with pytest.raises(Invalid):
        rules.require_target([None, None, None])


async def test_a_policy_is_made_shown_changed_and_thrown_away(clockwork):
    calendar = await clockwork.calendar()
    made = await clockwork.make(PATH, POLICY | {"calendar_id": calendar})
    path = f"{PATH}/{made['id']}"

    assert made["when"] == SEVERE
    assert (made["first_reply"], made["next_reply"], made["resolution"]) == ("PT1H", None, "P2D")
    assert (made["position"], made["enabled"], made["approaching_percent"]) == (100, True, 80)
    assert await clockwork.desk.get(path) == made
    changed = await clockwork.change(path, next_reply="PT4H", resolution=None, when=[], position=7, enabled=False)
    assert (changed["next_reply"], changed["resolution"], changed["when"]) == ("PT4H", None, [])
    assert (changed["position"], changed["enabled"], changed["calendar_id"]) == (7, False, calendar)
    assert (await clockwork.desk.client.delete(path, headers=clockwork.desk.agent)).status_code == 204
    await clockwork.desk.get(path, 404)


async def test_policies_are_listed_in_the_order_in_which_they_are_asked(clockwork):
    for name, position in (("last", 30), ("first", 10), ("middle", 20), ("of two the older", 20)):
        await clockwork.make(PATH, POLICY | {"name": name, "position": position})

    first = await clockwork.desk.get(PATH, limit=2)
    rest = await clockwork.desk.get(PATH, limit=2, cursor=first["next_cursor"])

    names = [one["name"] for page in (first, rest) for one in page["items"]]
    assert names == ["first", "middle", "of two the older", "last"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"first_reply": None, "resolution": None}, "/first_reply"),
        ({"first_reply": "PT30S"}, "/first_reply"),
        ({"first_reply": "P91D"}, "/first_reply"),
        ({"first_reply": 3600}, "/first_reply"),
        ({"approaching_percent": 100}, "/approaching_percent"),
        ({"position": -1}, "/position"),
        ({"calendar_id": str(uuid4())}, "/calendar_id"),
        ({"when": [{"field": "data.severty", "op": "eq", "value": "s1"}]}, "/when/0/field"),
        ({"when": [{"field": "data.body", "op": "regex", "value": "("}]}, "/when/0/value"),
        ({"name": " "}, "/name"),
    ],
)
async def test_what_is_no_policy_is_refused_by_name(clockwork, fields, pointer):
    answer = await clockwork.make(PATH, POLICY | fields, 422)

    assert answer["errors"][0]["pointer"] == pointer
    assert (await clockwork.desk.get(PATH))["items"] == []


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"first_reply": None, "resolution": None}, "/first_reply"),
        ({"calendar_id": str(uuid4())}, "/calendar_id"),
        ({"when": [{"field": "data.nothing", "op": "exists"}]}, "/when/0/field"),
    ],
)
async def test_a_change_to_what_is_no_policy_is_refused(clockwork, fields, pointer):
    made = await clockwork.make(PATH, POLICY)

    answer = await clockwork.change(f"{PATH}/{made['id']}", 422, **fields)

    assert answer["errors"][0]["pointer"] == pointer
    assert await clockwork.desk.get(f"{PATH}/{made['id']}") == made


async def test_a_change_is_held_to_what_was_seen(clockwork):
    made = await clockwork.make(PATH, POLICY)
    path, headers = f"{PATH}/{made['id']}", clockwork.desk.agent
    seen = (await clockwork.desk.client.get(path, headers=headers)).headers["etag"]
    await clockwork.change(path, position=1)

    late = await clockwork.desk.client.patch(path, json={"position": 2}, headers=headers | {"If-Match": seen})

    assert (late.status_code, (await clockwork.desk.get(path))["position"]) == (412, 1)


async def test_a_workspace_has_so_many_and_sees_its_own_alone(clockwork, monkeypatch):
    monkeypatch.setattr(limits, "SLA_POLICIES_PER_WORKSPACE", 1)
    made = await clockwork.make(PATH, POLICY)
    client = clockwork.desk.client
    theirs, reader = await clockwork.desk.api.key(workspace="other"), await clockwork.desk.api.key("feedback:read")

    assert (await clockwork.make(PATH, POLICY, 409))["type"].endswith("too_many")
    assert (await client.get(f"{PATH}/{made['id']}", headers=theirs)).status_code == 404
    assert (await client.post(PATH, json=POLICY, headers=reader)).status_code == 403
    assert (await client.get(PATH)).status_code == 401
