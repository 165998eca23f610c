"""Calendars through their doors: made, imported into, asked, kept while somebody goes by them."""

import asyncio
from uuid import uuid4

import pytest

from opsloop_common import limits

WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
CHINA = {
    "name": "客服工作日历",
    "time_zone": "Asia/Shanghai",
    "week": [
        {"days": WORKDAYS, "start": "09:00", "end": "12:00"},
        {"days": WORKDAYS, "start": "13:30", "end": "18:00"},
    ],
}
HOLIDAYS = [
    {"first_day": "2026-10-01", "last_day": "2026-10-07", "name": "国庆节"},
    {"first_day": "2026-10-10", "name": "国庆节补班", "works_as": "thursday"},
]
PATH = "/v1/calendars"


async def made(desk, expect=201, **fields):
    answer = await desk.client.post(PATH, json=CHINA | fields, headers=desk.agent)
    assert answer.status_code == expect, answer.text
    return answer.json()


async def patched(desk, calendar, expect=200, headers=None, **fields):
    path = f"{PATH}/{calendar['id']}"
    answer = await desk.client.patch(path, json=fields, headers=desk.agent | (headers or {}))
    assert answer.status_code == expect, answer.text
    return answer.json()


async def due(desk, calendar, start, working="PT1H"):
    shown = await desk.get(f"{PATH}/{calendar['id']}/due-time", start=start, working=working)
    return shown["due_at"], shown["is_open"]


async def test_a_calendar_is_made_shown_changed_and_thrown_away(desk):
    answer = await desk.client.post(PATH, json=CHINA, headers=desk.agent)
    calendar, path = answer.json(), answer.headers["location"]

    assert (answer.status_code, path) == (201, f"calendars/{calendar['id']}")
    path = f"/v1/{path}"
    assert await desk.get(path) == calendar
    assert (await desk.get(PATH))["items"] == [calendar]
    changed = await patched(desk, calendar, name="Support", days=HOLIDAYS)
    assert changed["name"] == "Support"
    assert (await desk.client.delete(path, headers=desk.agent)).status_code == 204
    await desk.get(path, 404)


async def test_holidays_and_make_up_days_are_imported_and_count(desk):
    calendar = await made(desk)
    before = await due(desk, calendar, "2026-09-30T17:30:00+08:00")

    calendar = await patched(desk, calendar, days=HOLIDAYS)

    assert calendar["days"] == [
        HOLIDAYS[0] | {"works_as": None, "windows": []},
        HOLIDAYS[1] | {"last_day": "2026-10-10", "windows": []},
    ]
    assert before == ("2026-10-01T01:30:00Z", True)
    assert await due(desk, calendar, "2026-09-30T17:30:00+08:00") == ("2026-10-08T01:30:00Z", True)
    assert await due(desk, calendar, "2026-10-09T17:30:00+08:00") == ("2026-10-10T01:30:00Z", True)
    assert await due(desk, calendar, "2026-10-02T12:00:00+08:00") == ("2026-10-08T02:00:00Z", False)


async def test_a_day_may_be_shorter(desk):
    eve = {"first_day": "2026-09-30", "name": "半天", "windows": [{"start": "09:00", "end": "12:00"}]}
    calendar = await made(desk, days=[eve])

    assert await due(desk, calendar, "2026-09-30T11:30:00+08:00") == ("2026-10-01T01:30:00Z", True)


async def test_what_is_due_in_four_years_has_no_time(desk):
    calendar = await made(desk, week=[{"days": ["monday"], "start": "09:00", "end": "10:00"}])

    assert await due(desk, calendar, "2026-09-30T17:30:00+08:00", "P10D") == (None, False)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"time_zone": "Asia/Beijing"}, "/time_zone"),
        ({"week": []}, "/week"),
        ({"week": [{"days": [], "start": "09:00", "end": "10:00"}]}, "/week/0/days"),
        ({"week": [{"days": ["monday"], "start": "10:00", "end": "09:00"}]}, "/week/0"),
        ({"week": [{"days": ["monday"], "start": "9:00", "end": "10:00"}]}, "/week/0/start"),
        ({"week": [{"days": ["monday"], "start": "24:00", "end": "24:00"}]}, "/week/0/start"),
        ({"week": [{"days": ["someday"], "start": "09:00", "end": "10:00"}]}, "/week/0/days/0"),
        ({"days": [{"first_day": "2026-02-30", "name": "n"}]}, "/days/0/first_day"),
        ({"days": [{"first_day": "1026-02-20", "name": "n"}]}, "/days/0/first_day"),
        ({"days": [{"first_day": 20260220, "name": "n"}]}, "/days/0/first_day"),
        ({"days": [{"first_day": "2026-02-20", "last_day": "2026-02-19", "name": "n"}]}, "/days/0"),
        ({"days": [{"first_day": "2026-02-20", "last_day": "2028-02-19", "name": "n"}]}, "/days/0"),
        ({"days": [{"first_day": "2026-02-20", "last_day": "2027-02-20", "name": "n"}] * 3}, "/days"),
        (
            {
                "days": [
                    {
                        "first_day": "2026-02-20",
                        "name": "n",
                        "works_as": "monday",
                        "windows": [{"start": "09:00", "end": "10:00"}],
                    }
                ]
            },
            "/days/0",
        ),
    ],
)
async def test_what_is_no_calendar_is_refused_by_name(desk, fields, pointer):
    answer = await made(desk, 422, **fields)

    assert answer["errors"][0]["pointer"] == pointer, answer
    assert (await desk.get(PATH))["items"] == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"start": "yesterday", "working": "PT1H"}, "/query/start"),
        ({"start": "2026-09-30T17:30:00Z", "working": "PT0S"}, "/query/working"),
        ({"start": "2026-09-30T17:30:00Z", "working": "P400D"}, "/query/working"),
        ({"start": "2026-09-30T17:30:00Z"}, "/query/working"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(desk, query, pointer):
    calendar = await made(desk)

    answer = await desk.get(f"{PATH}/{calendar['id']}/due-time", 422, **query)

    assert answer["errors"][0]["pointer"] == pointer


async def test_a_change_of_days_is_held_to_the_bound_too(desk):
    calendar = await made(desk)

    answer = await patched(
        desk, calendar, 422, days=[{"first_day": "2026-01-01", "last_day": "2026-12-31", "name": "n"}] * 3
    )

    assert answer["errors"][0]["pointer"] == "/days"


async def test_two_who_saw_one_version_do_not_both_change_it(desk):
    calendar = await made(desk)
    seen = await desk.client.get(f"{PATH}/{calendar['id']}", headers=desk.agent)
    headers = desk.agent | {"If-Match": seen.headers["etag"]}

    answers = await asyncio.gather(
        *(
            desk.client.patch(f"{PATH}/{calendar['id']}", json={"name": name}, headers=headers)
            for name in ("one", "other")
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_a_workspace_has_so_many_and_sees_its_own_alone(desk, monkeypatch):
    monkeypatch.setattr(limits, "CALENDARS_PER_WORKSPACE", 1)
    calendar = await made(desk)
    theirs = await desk.api.key(workspace="other")

    assert (await made(desk, 409))["type"].endswith("too_many")
    for path in (f"{PATH}/{calendar['id']}", f"{PATH}/{uuid4()}"):
        assert (await desk.client.get(path, headers=theirs)).status_code == 404
    assert (await desk.client.get(PATH, headers=theirs)).json()["items"] == []
    assert (await desk.client.get(PATH)).status_code == 401
    reader = await desk.api.key("feedback:read")
    assert (await desk.client.post(PATH, json=CHINA, headers=reader)).status_code == 403


async def test_a_list_is_paged_newest_first(desk):
    names = [(await made(desk, name=f"calendar {number}"))["name"] for number in range(3)]

    first = await desk.get(PATH, limit=2)
    second = await desk.get(PATH, limit=2, cursor=first["next_cursor"])

    assert [one["name"] for page in (first, second) for one in page["items"]] == names[::-1]
    assert second["next_cursor"] is None


async def test_a_calendar_that_has_changed_is_not_thrown_away_unseen(desk):
    calendar = await made(desk)
    path = f"{PATH}/{calendar['id']}"
    seen = (await desk.client.get(path, headers=desk.agent)).headers["etag"]
    await patched(desk, calendar, name="another")

    refused = await desk.client.delete(path, headers=desk.agent | {"If-Match": seen})

    assert (refused.status_code, (await desk.get(path))["name"]) == (412, "another")
