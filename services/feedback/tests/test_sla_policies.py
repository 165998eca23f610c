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


CONDITIONS = [
    ([{"field": "data.kind", "op": "eq", "value": "question"}], {"kind": "question"}),
    ([{"field": "data.channel", "op": "in", "value": ["phone", "email"]}], {"channel": "email"}),
    ([{"field": "data.attributes.tier", "op": "eq", "value": "gold"}], {"attributes": {"tier": "gold"}}),
    (
        [{"field": "data.attributes.app.version", "op": "regex", "value": "^5\\."}],
        {"attributes": {"app": {"version": "5.2"}}},
    ),
    ([{"field": "data.tags", "op": "contains", "value": "退款"}], {"tags": ["退款", "ios"]}),
    ([{"field": "data.rating", "op": "le", "value": 2}], {"rating": 1}),
    ([{"field": "data.title", "op": "regex", "value": "(?i)refund|退款"}], {"title": "REFUND please"}),
    ([{"field": "data.author.user_id", "op": "eq", "value": "u1"}], {"author": {"user_id": "u1"}}),
    ([{"field": "data.language", "op": "eq", "value": "zh"}], {"body": "请问在哪里下载发票？"}),
    (
        [
            {
                "any": [
                    {"field": "data.area", "op": "eq", "value": "x"},
                    {"field": "data.locale", "op": "eq", "value": "zh-CN"},
                ]
            }
        ],
        {"locale": "zh-CN"},
    ),
]


@pytest.mark.parametrize(("when", "fields"), CONDITIONS)
async def test_whatever_stands_in_a_post_may_be_asked_for(clockwork, when, fields):
    await clockwork.make(PATH, POLICY | {"when": when})
    clockwork.desk.api.clock.advance(1)

    held, other = await clockwork.post(**fields), await clockwork.post(body="Thanks, well done.")

    assert await clockwork.clocks(held) == {"first_reply": "running", "resolution": "running"}
    assert await clockwork.clocks(other) == {}


async def test_conditions_come_back_as_they_were_said(clockwork):
    for when, _ in CONDITIONS:
        made = await clockwork.make(PATH, POLICY | {"when": when})
        assert made["when"] == when


async def test_a_change_of_the_order_counts_for_posts_to_come(clockwork):
    slow = await clockwork.make(PATH, POLICY | {"name": "slow", "when": [], "first_reply": "PT8H", "position": 1})
    await clockwork.make(PATH, POLICY | {"name": "quick", "when": [], "first_reply": "PT1H", "position": 2})
    clockwork.desk.api.clock.advance(1)
    before = await clockwork.post()

    await clockwork.change(f"{PATH}/{slow['id']}", position=3)
    after = await clockwork.post()

    names = [(await clockwork.desk.get(f"{path}/clocks"))["items"][0]["policy"] for path in (before, after)]
    assert names == ["slow", "quick"]


@pytest.mark.parametrize(
    "targets",
    [
        {"first_reply": "PT1H"},
        {"resolution": "P1D"},
        {"first_reply": "PT1H", "resolution": "P1D"},
        {"next_reply": "PT1H"},
    ],
)
async def test_only_what_was_promised_has_a_clock(clockwork, targets):
    await clockwork.make(PATH, {"name": "some"} | targets)
    clockwork.desk.api.clock.advance(1)

    path = await clockwork.post()

    assert (await clockwork.clocks(path)).keys() == targets.keys() - {"next_reply"}


async def test_a_policy_that_is_asked_for_twice_with_one_key_is_made_once(clockwork):
    headers = clockwork.desk.agent | {"Idempotency-Key": "once"}

    answers = [await clockwork.desk.client.post(PATH, json=POLICY, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert len((await clockwork.desk.get(PATH))["items"]) == 1


async def test_the_audit_log_says_what_was_promised_and_keeps_words_to_itself(clockwork):
    made = await clockwork.make(PATH, POLICY)
    await clockwork.change(f"{PATH}/{made['id']}", first_reply="PT2H", name="另一个名字")

    log = await clockwork.desk.client.get("/v1/audit", headers=await clockwork.desk.api.key("feedback:admin"))

    entries = [entry for entry in log.json()["items"] if entry["action"].startswith("sla_policy.")]
    assert [entry["action"] for entry in entries] == ["sla_policy.updated", "sla_policy.created"]
    assert entries[0]["before"]["first_reply_seconds"] == 3_600
    assert entries[0]["after"]["first_reply_seconds"] == 7_200
    assert "重要客户" not in str(entries)
    assert "另一个名字" not in str(entries)


async def test_a_change_that_changes_nothing_makes_no_version(clockwork):
    made = await clockwork.make(PATH, POLICY)
    path = f"{PATH}/{made['id']}"
    tags = [(await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"]]

    await clockwork.change(path, when=SEVERE, first_reply="PT60M", position=100)
    tags.append((await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"])

    assert tags[0] == tags[1]


@pytest.mark.parametrize("count", [20, 21])
async def test_conditions_are_few(clockwork, count):
    terms = [{"field": "data.tags", "op": "contains", "value": str(number)} for number in range(count)]

    answer = await clockwork.make(PATH, POLICY | {"when": terms}, 201 if count == 20 else 422)

    assert "id" in answer or answer["errors"][0]["pointer"] == "/when"


async def test_a_calendar_stays_while_a_policy_goes_by_it(clockwork):
    calendar = await clockwork.calendar()
    made = await clockwork.make(PATH, POLICY | {"calendar_id": calendar})
    headers, path = clockwork.desk.agent, f"/v1/calendars/{calendar}"

    refused = await clockwork.desk.client.delete(path, headers=headers)
    await clockwork.change(f"{PATH}/{made['id']}", calendar_id=None)

    assert refused.status_code == 409
    assert (await clockwork.desk.client.delete(path, headers=headers)).status_code == 204


async def test_an_edit_of_a_policy_does_not_move_clocks_that_run(china):
    path = await china.post("2026-11-25T09:00")

    await china.change(f"/v1/sla-policies/{china.policy_made['id']}", first_reply="PT30M", approaching_percent=50)
    later = await china.post("2026-11-25T09:10")

    assert await china.due(path) == "Wed 11-25 10:00"
    assert await china.due(later) == "Wed 11-25 09:40"
    await china.change(path, status="pending")
    await china.change(path, status="open")
    assert await china.due(path) == "Wed 11-25 10:00"


async def test_clocks_run_on_when_their_policy_is_gone(china):
    path = await china.post("2026-11-25T09:00")
    policy = f"/v1/sla-policies/{china.policy_made['id']}"

    assert (await china.desk.client.delete(policy, headers=china.desk.agent)).status_code == 204
    await china.work_until("2026-11-25T10:00")

    assert (await china.clocks(path))["first_reply"] == "breached"
    assert await china.due(await china.post("2026-11-25T10:01")) is None


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ({"attributes": {"tier": "vip"}}, "Wed 11-25 09:10"),
        ({"channel": "phone"}, "Wed 11-25 09:20"),
        ({"body": "支付失败，而且重复扣款两次"}, "Wed 11-25 09:30"),
        ({"body": "请问在哪里下载发票？"}, None),
    ],
)
async def test_the_first_policy_whose_conditions_hold_counts(clockwork, fields, due):
    clockwork.at("2026-11-20T09:00")
    for position, (field, value) in enumerate(
        [("data.severity", "s1"), ("data.channel", "phone"), ("data.attributes.tier", "vip")]
    ):
        await clockwork.policy(
            name=field,
            position=30 - position,
            when=[{"field": field, "op": "eq", "value": value}],
            first_reply=f"PT{30 - 10 * position}M",
        )

    assert await clockwork.due(await clockwork.post("2026-11-25T09:00", **fields)) == due


async def test_posts_from_before_a_policy_are_not_held_to_it(clockwork):
    path = await clockwork.post("2026-11-25T09:00")
    clockwork.at("2026-11-26T09:00")
    await clockwork.policy(first_reply="PT1H")

    await clockwork.work()
    await clockwork.change(path, severity="s1")

    assert await clockwork.clocks(path) == {}
    assert await clockwork.due(path) is None


async def test_a_disabled_policy_holds_nothing(china):
    await china.change(f"/v1/sla-policies/{china.policy_made['id']}", enabled=False)

    assert await china.clocks(await china.post("2026-11-25T09:00")) == {}


async def test_a_policy_of_another_workspace_is_neither_changed_nor_thrown_away(clockwork):
    made = await clockwork.make(PATH, POLICY)
    path, theirs = f"{PATH}/{made['id']}", await clockwork.desk.api.key(workspace="other")

    changed = await clockwork.desk.client.patch(path, json={"position": 1}, headers=theirs)
    deleted = await clockwork.desk.client.delete(path, headers=theirs)

    assert (changed.status_code, deleted.status_code) == (404, 404)
    assert await clockwork.desk.get(path) == made


async def test_a_policy_holds_posts_of_its_workspace_alone(clockwork):
    await clockwork.make(PATH, {"name": "ours", "first_reply": "PT1H"})
    clockwork.desk.api.clock.advance(1)
    theirs = await clockwork.desk.api.key(workspace="other")

    made = await clockwork.desk.client.post("/v1/feedback", json={"body": "A remark."}, headers=theirs)
    await clockwork.work()

    shown = await clockwork.desk.client.get(f"/v1/feedback/{made.json()['id']}", headers=theirs)
    assert shown.json()["due_at"] is None
    clocks = await clockwork.desk.client.get(f"/v1/feedback/{made.json()['id']}/clocks", headers=theirs)
    assert clocks.json()["items"] == []


async def test_who_gave_no_key_is_told_nothing(clockwork):
    assert (await clockwork.desk.client.post(PATH, json=POLICY)).status_code == 401
