"""Routing over HTTP: posts go to teams and people by rules in their order, and on when nobody answers."""

import asyncio
from collections import Counter
from uuid import uuid4

import pytest

from opsloop_common import limits
from opsloop_common.testing.events import deliver
from opsloop_feedback.routing_rules import service
from opsloop_feedback.routing_rules.consumers import DESK

PATH = "/v1/routing-rules"
PAYING = [
    {
        "any": [
            {"field": "data.body", "op": "regex", "value": "支付|扣款|payment"},
            {"field": "data.area", "op": "eq", "value": "payments"},
        ]
    }
]


@pytest.fixture
async def route(clockwork):
    """A team of three that works on the Chinese calendar, and one that is asked next."""
    clockwork.at("2026-11-20T09:00")
    members = [{"user_id": name} for name in ("ann", "ben", "cem")]
    calendar = await clockwork.calendar()
    clockwork.team = await clockwork.make("/v1/teams", {"name": "支付组", "calendar_id": calendar, "members": members})
    clockwork.second = await clockwork.make("/v1/teams", {"name": "second line"})
    return clockwork


async def ruled(clockwork, expect=201, **fields):
    return await clockwork.make(PATH, {"name": "payments", "team_id": clockwork.team["id"]} | fields, expect)


async def hands(clockwork, path):
    shown = await clockwork.desk.get(path)
    return shown["team"], shown["assignee"]


async def test_a_post_goes_to_the_team_of_the_first_rule_that_fits(route):
    await ruled(route, name="rest", position=20, team_id=route.second["id"])
    await ruled(route, position=10, when=PAYING)

    paying, other = await route.post("2026-11-25T10:00", body="支付失败"), await route.post(body="A remark.")

    assert await hands(route, paying) == ("支付组", None)
    assert await hands(route, other) == ("second line", None)
    assigned = [event for event in await route.desk.api.events() if event.type == "feedback.assigned"]
    assert [event.data["team"] for event in assigned] == ["支付组", "second line"]
    received = await route.received()
    assert [event.causationid for event in assigned] == [str(event.id) for event in received]


async def test_people_take_turns_also_over_several_batches(route):
    await ruled(route, pick="round_robin")

    paths = [await route.post("2026-11-25T10:00") for _ in range(7)]

    names = [(await hands(route, path))[1] for path in paths]
    assert names == ["ann", "ben", "cem", "ann", "ben", "cem", "ann"]


async def test_posts_that_come_together_are_shared_out(route):
    await ruled(route, pick="least_loaded")
    busy = await route.post("2026-11-25T10:00")
    await route.change(busy, assignee="ann")
    items = [{"body": f"post {number}", "channel": "api", "external_id": str(number)} for number in range(20)]
    await route.desk.client.post("/v1/feedback:batch", json={"items": items}, headers=route.desk.agent)

    await route.work()

    found = (await route.desk.get("/v1/feedback", limit=100))["items"]
    assert Counter(one["assignee"] for one in found) == {"ann": 7, "ben": 7, "cem": 7}


async def test_outside_its_hours_a_team_has_posts_and_nobody_in_it(route):
    await ruled(route, pick="round_robin")
    assert await hands(route, await route.post("2026-11-25T12:30")) == ("支付组", None)

    assert await hands(route, await route.post("2026-11-25T13:30")) == ("支付组", "ann")


async def test_who_is_away_gets_nothing(route):
    await ruled(route, pick="round_robin")
    away = [{"user_id": "ann", "is_away": True}, {"user_id": "ben"}]
    await route.change(f"/v1/teams/{route.team['id']}", members=away)

    names = [(await hands(route, await route.post("2026-11-25T10:00")))[1] for _ in range(3)]

    assert names == ["ben", "ben", "ben"]


async def test_a_rule_may_name_somebody(route):
    await ruled(route, team_id=None, assignee="dora")

    assert await hands(route, await route.post("2026-11-25T10:00")) == (None, "dora")


async def test_what_somebody_has_taken_is_left_alone(route):
    await ruled(route)
    route.at("2026-11-25T10:00")
    path = f"/v1/feedback/{(await route.desk.post())['id']}"
    await route.change(path, assignee="dora")

    await route.work()

    assert await hands(route, path) == (None, "dora")


async def test_a_post_is_routed_once_however_often_it_is_heard(route):
    await ruled(route, pick="round_robin")
    path = await route.post("2026-11-25T10:00")
    [event] = await route.received()

    await deliver(route.desk.api.db, DESK, event, event.model_copy(update={"id": uuid4()}))

    assert await hands(route, path) == ("支付组", "ann")
    assert (await hands(route, await route.post()))[1] == "ben"


async def test_poison_leaves_nothing_and_stops_nobody(route):
    await ruled(route)
    route.at("2026-11-25T10:00")
    made = await route.desk.post()
    [event] = await route.received()

    with pytest.raises(ValueError, match="feedback_id"):
        await deliver(route.desk.api.db, DESK, event.model_copy(update={"id": uuid4(), "data": {}}))
    await deliver(route.desk.api.db, DESK, event)

    assert await hands(route, f"/v1/feedback/{made['id']}") == ("支付组", None)


async def test_a_rule_whose_team_is_gone_gives_posts_to_nobody(route):
    await ruled(route)
    await route.desk.client.delete(f"/v1/teams/{route.team['id']}", headers=route.desk.agent)

    assert await hands(route, await route.post("2026-11-25T10:00")) == (None, None)


async def test_a_disabled_rule_routes_nothing(route):
    rule = await ruled(route)
    await route.change(f"{PATH}/{rule['id']}", enabled=False)

    assert await hands(route, await route.post("2026-11-25T10:00")) == (None, None)


async def test_clocks_begin_by_the_team_that_a_post_goes_to(route):
    await ruled(route, when=PAYING)
    mine = [{"field": "data.team", "op": "eq", "value": "支付组"}]
    await route.policy(when=mine, first_reply="PT1H", calendar_id=route.team["calendar_id"])

    path = await route.post("2026-11-25T11:45", body="支付失败")

    assert await route.due(path) == "Wed 11-25 14:15"
    assert (await route.desk.get(f"{path}/clocks"))["items"][0]["team"] == "支付组"


async def escalating(clockwork, **fields):
    onward = {"escalate_after": "PT1H", "escalate_team_id": clockwork.second["id"], "escalate_assignee": "boss"}
    return await ruled(clockwork, **(onward | fields))


async def told(clockwork):
    return [event for event in await clockwork.desk.api.events() if event.type == "feedback.escalated"]


async def test_what_nobody_answers_goes_on_after_an_hour_of_work(route):
    rule = await escalating(route)
    path = await route.post("2026-11-27T17:30")  # Friday

    await route.work_until("2026-11-30T09:29")
    assert await hands(route, path) == ("支付组", None)
    await route.work_until("2026-11-30T09:30", "2026-11-30T12:00")

    assert await hands(route, path) == ("second line", "boss")
    [event] = await told(route)
    assert (event.data["rule_id"], event.data["team"], event.data["assignee"]) == (rule["id"], "second line", "boss")
    assert event.data["silent_seconds"] == 64 * 3_600


async def test_after_downtime_it_goes_on_once(route):
    await escalating(route)
    await route.post("2026-11-25T09:00")

    await route.work_until("2026-11-26T12:00", "2026-11-26T12:00")

    assert len(await told(route)) == 1


async def test_an_escalation_to_somebody_leaves_the_team(route):
    await escalating(route, escalate_team_id=None)
    path = await route.post("2026-11-25T09:00")

    await route.work_until("2026-11-25T10:00")

    assert await hands(route, path) == ("支付组", "boss")


@pytest.mark.parametrize("status", ["resolved", "closed"])
async def test_what_is_finished_goes_on_to_nobody(route, status):
    await escalating(route)
    path = await route.post("2026-11-25T09:00")
    await route.change(path, status=status)

    await route.work_until("2026-11-25T10:00")

    assert await told(route) == []


async def test_what_was_answered_goes_on_to_nobody_and_a_note_is_no_answer(route):
    await escalating(route)
    answered, noted = await route.post("2026-11-25T09:00"), await route.post("2026-11-25T09:00")
    await route.reply(answered)
    await route.make(f"{noted}/messages", {"kind": "note", "body": "hm"})

    await route.work_until("2026-11-25T10:00")

    assert await hands(route, answered) == ("支付组", None)
    assert await hands(route, noted) == ("second line", "boss")


async def test_what_waits_for_its_author_is_looked_at_again_later(route):
    await escalating(route)
    path = await route.post("2026-11-25T09:00")
    await route.change(path, status="snoozed")
    await route.work_until("2026-11-25T10:00")
    assert await told(route) == []

    await route.change(path, status="open")
    await route.work_until("2026-11-25T11:00")

    assert len(await told(route)) == 1


async def test_a_rule_that_is_gone_or_escalates_no_more_takes_nothing_on(route):
    rules = [
        await escalating(route, when=[{"field": "data.kind", "op": "eq", "value": kind}]) for kind in ("bug", "idea")
    ]
    await route.post("2026-11-25T09:00", kind="bug")
    await route.post("2026-11-25T09:00", kind="idea")

    await route.desk.client.delete(f"{PATH}/{rules[0]['id']}", headers=route.desk.agent)
    onward = {"escalate_after": None, "escalate_team_id": None, "escalate_assignee": None}
    await route.change(f"{PATH}/{rules[1]['id']}", **onward)
    await route.work_until("2026-11-25T10:00")

    assert await told(route) == []


async def test_a_rule_is_made_shown_changed_and_thrown_away(route):
    rule = await escalating(route, when=PAYING, pick="round_robin", within_hours=False, position=7)
    path = f"{PATH}/{rule['id']}"

    assert await route.desk.get(path) == rule
    assert (rule["when"], rule["escalate_after"], rule["pick"]) == (PAYING, "PT1H", "round_robin")
    changed = await route.change(path, pick="least_loaded", escalate_after="P1D")
    assert (changed["pick"], changed["escalate_after"], changed["within_hours"]) == ("least_loaded", "P1D", False)
    assert (await route.desk.client.delete(path, headers=route.desk.agent)).status_code == 204
    await route.desk.get(path, 404)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"team_id": None}, "/team_id"),
        ({"team_id": str(uuid4())}, "/team_id"),
        ({"pick": "somebody"}, "/pick"),
        ({"pick": "round_robin", "assignee": "ann"}, "/pick"),
        ({"escalate_after": "PT1H"}, "/escalate_after"),
        ({"escalate_assignee": "boss"}, "/escalate_after"),
        ({"escalate_after": "PT1S", "escalate_assignee": "boss"}, "/escalate_after"),
        ({"escalate_after": "PT1H", "escalate_team_id": str(uuid4())}, "/escalate_team_id"),
        ({"when": [{"field": "data.bodi", "op": "exists"}]}, "/when/0/field"),
        ({"when": [{"field": "data.body", "op": "regex", "value": "(a"}]}, "/when/0/value"),
        ({"position": 10_001}, "/position"),
    ],
)
async def test_what_is_no_rule_is_refused_by_name(route, fields, pointer):
    answer = await ruled(route, 422, **fields)

    assert answer["errors"][0]["pointer"] == pointer
    rule = await ruled(route)
    if fields != {"team_id": None}:
        assert (await route.change(f"{PATH}/{rule['id']}", 422, **fields))["errors"][0]["pointer"] == pointer


async def test_rules_are_listed_in_the_order_in_which_they_are_asked(route):
    for name, position in (("last", 30), ("first", 10), ("middle", 20)):
        await ruled(route, name=name, position=position)

    first = await route.desk.get(PATH, limit=2)
    rest = await route.desk.get(PATH, limit=2, cursor=first["next_cursor"])

    assert [one["name"] for page in (first, rest) for one in page["items"]] == ["first", "middle", "last"]


async def test_of_two_who_saw_one_version_one_changes_it(route):
    path, headers = f"{PATH}/{(await ruled(route))['id']}", route.desk.agent
    seen = headers | {"If-Match": (await route.desk.client.get(path, headers=headers)).headers["etag"]}

    answers = await asyncio.gather(
        *(route.desk.client.patch(path, json={"position": number}, headers=seen) for number in (1, 2))
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_workspace_has_so_many_and_sees_its_own_alone(route, monkeypatch):
    monkeypatch.setattr(limits, "ROUTING_RULES_PER_WORKSPACE", 1)
    rule, client = await ruled(route), route.desk.client
    theirs, reader = await route.desk.api.key(workspace="other"), await route.desk.api.key("feedback:read")
    body = {"name": "n", "team_id": route.team["id"]}

    assert (await ruled(route, 409))["type"].endswith("too_many")
    assert (await client.get(f"{PATH}/{rule['id']}", headers=theirs)).status_code == 404
    assert (await client.post(PATH, json=body, headers=theirs)).status_code == 422
    assert (await client.post(PATH, json=body, headers=reader)).status_code == 403
    assert (await client.get(PATH)).status_code == 401


async def test_batches_that_come_at_once_share_out_as_one_would(route):
    await ruled(route, pick="round_robin")
    route.at("2026-11-25T10:00")
    for _ in range(9):
        await route.desk.post()
    events = await route.received()

    await asyncio.gather(*(deliver(route.desk.api.db, DESK, *events[start::3]) for start in range(3)))

    found = (await route.desk.get("/v1/feedback"))["items"]
    assert Counter(one["assignee"] for one in found) == {"ann": 3, "ben": 3, "cem": 3}


async def test_what_is_finished_is_not_in_hand(route):
    await ruled(route, pick="least_loaded")
    for name in ("ann", "ann", "ben"):
        await route.change(await route.post("2026-11-25T10:00"), assignee=name, status="resolved")

    names = {(await hands(route, await route.post("2026-11-25T10:00")))[1] for _ in range(3)}

    assert names == {"ann", "ben", "cem"}


async def test_a_workspace_routes_its_own_posts_alone(route):
    await ruled(route)
    theirs = await route.desk.api.key(workspace="other")

    made = await route.desk.client.post("/v1/feedback", json={"body": "theirs"}, headers=theirs)
    await route.work()

    shown = await route.desk.client.get(f"/v1/feedback/{made.json()['id']}", headers=theirs)
    assert (shown.json()["team"], shown.json()["assignee"]) == (None, None)


async def test_a_rule_has_a_name(route):
    answer = await ruled(route, 422, name="")

    assert answer["errors"][0]["pointer"] == "/name"
    assert (await route.desk.get(PATH))["items"] == []


async def test_what_would_take_too_long_at_once_is_taken_up_post_by_post(route, monkeypatch):
    monkeypatch.setattr(service, "CONDITIONS_AT_ONCE", 4)
    await ruled(route, pick="round_robin", when=PAYING)
    await ruled(route, name="rest", position=200, team_id=route.second["id"])
    route.at("2026-11-25T10:00")
    made = [await route.desk.post(body="支付失败" if number % 2 else "A remark.") for number in range(6)]

    await deliver(route.desk.api.db, DESK, *await route.received())
    at_once = [(await hands(route, f"/v1/feedback/{one['id']}"))[0] for one in made]
    await route.work()

    assert at_once == ["second line"] + [None] * 5
    found = [await hands(route, f"/v1/feedback/{one['id']}") for one in made]
    assert [team for team, _ in found] == ["second line", "支付组"] * 3
    assert sorted(name for _, name in found if name) == ["ann", "ben", "cem"]
    assigned = [event for event in await route.desk.api.events() if event.type == "feedback.assigned"]
    causes = {event.data["feedback_id"]: event.causationid for event in assigned}
    assert causes == {event.data["feedback_id"]: str(event.id) for event in await route.received()}


async def test_a_position_is_a_number(route):
    assert (await ruled(route, 422, position="first"))["errors"][0]["pointer"] == "/position"
