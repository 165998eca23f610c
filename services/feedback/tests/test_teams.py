"""Teams through their doors: who is in them, when they work, and what is refused."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common import limits

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
