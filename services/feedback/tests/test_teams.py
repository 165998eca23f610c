"""Teams through their doors: who is in them, when they work, and what is refused."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_feedback.teams import service

PATH = "/v1/teams"
PAYMENTS = {"name": "支付组", "members": [{"user_id": "ann"}, {"user_id": "ben", "is_away": True}]}
MEMBERS = [
    {"user_id": "ann", "calendar_id": None, "is_away": False},
    {"user_id": "ben", "calendar_id": None, "is_away": True},
]


async def test_a_team_is_made_shown_changed_and_thrown_away(clockwork):
    calendar = await clockwork.calendar()
    team = await clockwork.make(PATH, PAYMENTS | {"calendar_id": calendar})
    path = f"{PATH}/{team['id']}"

    assert (team["name"], team["calendar_id"], team["members"]) == ("支付组", calendar, MEMBERS)
    assert await clockwork.desk.get(path) == team
    assert (await clockwork.desk.get(PATH))["items"] == [team]
    own = {"user_id": "cem", "calendar_id": calendar}
    changed = await clockwork.change(path, members=[*PAYMENTS["members"], own], calendar_id=None)
    assert changed["members"] == [*MEMBERS, own | {"is_away": False}]
    assert changed["calendar_id"] is None
    assert (await clockwork.desk.client.delete(path, headers=clockwork.desk.agent)).status_code == 204
    await clockwork.desk.get(path, 404)


async def test_a_calendar_stays_while_a_team_goes_by_it(clockwork):
    calendar = await clockwork.calendar()
    team = await clockwork.make(PATH, PAYMENTS | {"calendar_id": calendar})
    headers = clockwork.desk.agent

    refused = await clockwork.desk.client.delete(f"/v1/calendars/{calendar}", headers=headers)
    await clockwork.change(f"{PATH}/{team['id']}", calendar_id=None)

    assert refused.status_code == 409
    assert "goes by this calendar" in refused.json()["detail"]
    assert (await clockwork.desk.client.delete(f"/v1/calendars/{calendar}", headers=headers)).status_code == 204


@pytest.mark.parametrize("name", ["支付组", "支\u200b付组"])
async def test_a_name_is_of_one_team(clockwork, name):
    await clockwork.make(PATH, PAYMENTS)

    answer = await clockwork.make(PATH, {"name": name}, 409)

    assert answer["detail"] == "There is a team of this name."


async def test_of_many_who_take_a_name_at_once_one_gets_it(clockwork):
    async def take():
        answer = await clockwork.desk.client.post(PATH, json=PAYMENTS, headers=clockwork.desk.agent)
        return answer.status_code

    assert sorted(await asyncio.gather(*(take() for _ in range(5)))) == [201, 409, 409, 409, 409]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "n", "members": [{"user_id": "ann"}, {"user_id": "ann"}]}, "/members"),
        ({"name": "n", "members": [{"user_id": ""}]}, "/members/0/user_id"),
        ({"name": "n", "members": [{"user_id": f"u{number}"} for number in range(201)]}, "/members"),
        ({"name": "n", "calendar_id": str(uuid4())}, "/calendar_id"),
        (
            {"name": "n", "members": [{"user_id": "a"}, {"user_id": "b", "calendar_id": str(uuid4())}]},
            "/members/1/calendar_id",
        ),
    ],
)
async def test_what_is_no_team_is_refused_by_name(clockwork, fields, pointer):
    answer = await clockwork.make(PATH, fields, 422)

    assert answer["errors"][0]["pointer"] == pointer
    assert (await clockwork.desk.get(PATH))["items"] == []


async def test_a_calendar_of_another_workspace_is_none(clockwork):
    calendar = await clockwork.calendar()
    theirs = await clockwork.desk.api.key(workspace="other")

    answer = await clockwork.desk.client.post(PATH, json={"name": "n", "calendar_id": calendar}, headers=theirs)

    assert answer.status_code == 422


async def test_a_team_keeps_its_name(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)

    refused = await clockwork.change(f"{PATH}/{team['id']}", 422, name="another")

    assert refused["errors"][0]["pointer"] == "/name"


async def test_a_change_is_held_to_what_was_seen(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    path, headers = f"{PATH}/{team['id']}", clockwork.desk.agent
    seen = (await clockwork.desk.client.get(path, headers=headers)).headers["etag"]
    await clockwork.change(path, members=[])

    late = await clockwork.desk.client.patch(path, json={"members": []}, headers=headers | {"If-Match": seen})

    assert late.status_code == 412


async def test_a_workspace_has_so_many_and_sees_its_own_alone(clockwork, monkeypatch):
    monkeypatch.setattr(limits, "TEAMS_PER_WORKSPACE", 1)
    team = await clockwork.make(PATH, PAYMENTS)
    client = clockwork.desk.client
    theirs, reader = await clockwork.desk.api.key(workspace="other"), await clockwork.desk.api.key("feedback:read")

    assert (await clockwork.make(PATH, {"name": "other"}, 409))["type"].endswith("too_many")
    assert (await client.get(f"{PATH}/{team['id']}", headers=theirs)).status_code == 404
    assert (await client.post(PATH, json=PAYMENTS, headers=theirs)).status_code == 201
    assert (await client.post(PATH, json=PAYMENTS, headers=reader)).status_code == 403
    assert (await client.get(PATH)).status_code == 401


async def test_a_list_is_paged_newest_first(clockwork):
    names = [(await clockwork.make(PATH, {"name": f"team {number}"}))["name"] for number in range(3)]

    first = await clockwork.desk.get(PATH, limit=2)
    second = await clockwork.desk.get(PATH, limit=2, cursor=first["next_cursor"])

    assert [one["name"] for page in (first, second) for one in page["items"]] == names[::-1]


async def test_the_audit_log_names_nobody_and_says_who_is_away(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    await clockwork.change(f"{PATH}/{team['id']}", members=[{"user_id": "ann", "is_away": True}, {"user_id": "ben"}])

    log = await clockwork.desk.client.get("/v1/audit", headers=await clockwork.desk.api.key("feedback:admin"))

    entries = [entry for entry in log.json()["items"] if entry["action"].startswith("team.")]
    assert [entry["action"] for entry in entries] == ["team.updated", "team.created"]
    assert "ann" not in str(entries)
    assert entries[1]["after"]["away"] == 1


async def test_a_team_that_is_asked_for_twice_with_one_key_is_made_once(clockwork):
    headers = clockwork.desk.agent | {"Idempotency-Key": "once"}

    answers = [await clockwork.desk.client.post(PATH, json=PAYMENTS, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len((await clockwork.desk.get(PATH))["items"]) == 1


@pytest.mark.parametrize("name", ["客服一组", "Support – EU", "a" * 100])
async def test_posts_of_a_team_are_found_by_its_name(clockwork, name):
    await clockwork.make(PATH, {"name": name})
    path = await clockwork.post()

    await clockwork.change(path, team=name)

    found = await clockwork.desk.get("/v1/feedback", team=name)
    assert [one["team"] for one in found["items"]] == [name]


async def test_posts_keep_the_name_of_a_team_that_is_gone(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    path = await clockwork.post()
    await clockwork.change(path, team=team["name"])

    await clockwork.desk.client.delete(f"{PATH}/{team['id']}", headers=clockwork.desk.agent)

    assert (await clockwork.desk.get(path))["team"] == "支付组"


async def test_a_name_is_free_again_when_its_team_is_gone(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    await clockwork.desk.client.delete(f"{PATH}/{team['id']}", headers=clockwork.desk.agent)

    assert (await clockwork.make(PATH, PAYMENTS))["id"] != team["id"]


async def test_a_team_has_up_to_two_hundred_people(clockwork):
    members = [{"user_id": f"用户{number}"} for number in range(200)]

    team = await clockwork.make(PATH, {"name": "all", "members": members})

    assert [member["user_id"] for member in team["members"]] == [member["user_id"] for member in members]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"members": None}, "/members"),
        ({"members": [{"user_id": "a", "is_away": "yes"}]}, "/members/0/is_away"),
        ({"members": [{"user_id": "a"}, {"user_id": "a"}]}, "/members"),
        ({"members": [{"user_id": "a", "calendar_id": str(uuid4())}]}, "/members/0/calendar_id"),
        ({"calendar_id": str(uuid4())}, "/calendar_id"),
        ({"calendar_id": "monday"}, "/calendar_id"),
    ],
)
async def test_a_change_to_what_is_no_team_is_refused(clockwork, fields, pointer):
    team = await clockwork.make(PATH, PAYMENTS)
    path = f"{PATH}/{team['id']}"

    answer = await clockwork.change(path, 422, **fields)

    assert answer["errors"][0]["pointer"] == pointer
    assert await clockwork.desk.get(path) == team


async def test_what_is_so_already_makes_no_version(clockwork):
    calendar = await clockwork.calendar()
    own = [{"user_id": "ann", "calendar_id": calendar, "is_away": True}]
    team = await clockwork.make(PATH, {"name": "n", "calendar_id": calendar, "members": own})
    path = f"{PATH}/{team['id']}"
    tags = [(await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"]]

    await clockwork.change(path, calendar_id=calendar, members=own)
    tags.append((await clockwork.desk.client.get(path, headers=clockwork.desk.agent)).headers["etag"])

    assert tags[0] == tags[1]


async def test_of_many_changes_of_one_version_one_is_made(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    path, headers = f"{PATH}/{team['id']}", clockwork.desk.agent
    seen = headers | {"If-Match": (await clockwork.desk.client.get(path, headers=headers)).headers["etag"]}

    async def change(number):
        body = {"members": [{"user_id": f"u{number}"}]}
        return (await clockwork.desk.client.patch(path, json=body, headers=seen)).status_code

    assert sorted(await asyncio.gather(*(change(number) for number in range(5)))) == [200, 412, 412, 412, 412]


async def test_a_team_that_has_changed_is_not_thrown_away_unseen(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    path, headers = f"{PATH}/{team['id']}", clockwork.desk.agent
    seen = (await clockwork.desk.client.get(path, headers=headers)).headers["etag"]
    await clockwork.change(path, members=[])

    refused = await clockwork.desk.client.delete(path, headers=headers | {"If-Match": seen})

    assert (refused.status_code, (await clockwork.desk.get(path))["members"]) == (412, [])


async def test_a_team_of_another_workspace_is_neither_changed_nor_thrown_away(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    path, theirs = f"{PATH}/{team['id']}", await clockwork.desk.api.key(workspace="other")

    changed = await clockwork.desk.client.patch(path, json={"members": []}, headers=theirs)
    deleted = await clockwork.desk.client.delete(path, headers=theirs)

    assert (changed.status_code, deleted.status_code) == (404, 404)
    assert await clockwork.desk.get(path) == team


async def test_who_may_only_write_is_not_shown_teams_and_who_may_only_submit_nothing(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    path, client = f"{PATH}/{team['id']}", clockwork.desk.client
    submitter = await clockwork.desk.api.key("feedback:submit")

    for method, target, body in (
        ("GET", PATH, None),
        ("GET", path, None),
        ("POST", PATH, {"name": "n"}),
        ("PATCH", path, {"members": []}),
        ("DELETE", path, None),
    ):
        assert (await client.request(method, target, json=body, headers=submitter)).status_code == 403, (method, target)


@pytest.mark.parametrize("id", ["no-id", "00000000-0000-0000-0000-000000000000"])
async def test_what_is_no_team_is_not_found(clockwork, id):
    answer = await clockwork.desk.get(f"{PATH}/{id}", 404)

    assert answer["detail"] in ("There is no team with this id.", "There is nothing under this id.")
    assert answer["type"].endswith("not_found")
    assert answer["status"] == 404


async def test_nobody_in_a_team_is_fine(clockwork):
    team = await clockwork.make(PATH, {"name": "empty"})

    assert (team["members"], team["calendar_id"]) == ([], None)
    changed = await clockwork.change(f"{PATH}/{team['id']}", members=[{"user_id": "ann"}])
    assert changed["members"] == [{"user_id": "ann", "calendar_id": None, "is_away": False}]


async def test_a_team_is_found_by_just_the_name_that_posts_carry_and_by_its_own_workspace(clockwork):
    team = await clockwork.make(PATH, PAYMENTS)
    asked = [("acme", "支付组"), ("acme", "支付"), ("acme", "支付组 "), ("other", "支付组")]

    found = []
    for workspace, name in asked:
        async with clockwork.desk.api.db.transaction(Context(workspace=workspace)) as session:
            found.append(await service.find_named(session, name))

    assert [one and str(one.id) for one in found] == [team["id"], None, None, None]
