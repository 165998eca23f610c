"""Schedules through their doors: who is on call, who takes over, and what is refused."""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from opsloop_common.db import Context
from services.notifications.tests.watching import Watch, later

WEEKLY = {
    "name": "growth",
    "time_zone": "Europe/Berlin",
    "rotations": [{"users": ["ann", "ben", "cem"], "begins": "2026-01-05T09:00", "unit": "weeks", "length": 1}],
}


@pytest.fixture
async def watch(service):
    return Watch(service, await service.key(), None)


async def made(watch, **fields):
    return await watch.call("POST", "/v1/schedules", 201, **(WEEKLY | fields))


async def shifts(watch, schedule, **query):
    path = f"/v1/schedules/{schedule['id']}/shifts"
    answer = await watch.service.client.get(path, params=query, headers=watch.key)
    assert answer.status_code == 200, answer.text
    return [(one["user"], one["starts_at"], one["is_override"]) for one in answer.json()["shifts"]]


def doors_of(id):
    body = {"user_id": "dan", "ends_at": "2027-01-01T00:00:00Z"}
    return [
        ("GET", f"/v1/schedules/{id}", None),
        ("GET", f"/v1/schedules/{id}/shifts", None),
        ("GET", f"/v1/schedules/{id}/overrides", None),
        ("GET", f"/v1/schedules/{id}/overrides/{uuid4()}", None),
        ("POST", f"/v1/schedules/{id}/overrides", body),
        ("DELETE", f"/v1/schedules/{id}/overrides/{uuid4()}", None),
        ("PATCH", f"/v1/schedules/{id}", {"name": "another"}),
        ("DELETE", f"/v1/schedules/{id}", None),
    ]


async def answers(watch, id, headers):
    found = []
    for method, path, body in doors_of(id):
        answer = await watch.service.client.request(method, path, json=body, headers=headers)
        found.append(answer.status_code)
    return found


async def test_a_schedule_is_kept_changed_and_thrown_away(watch):
    schedule = await made(watch)
    path = f"/v1/schedules/{schedule['id']}"
    assert {name: schedule[name] for name in WEEKLY} == WEEKLY
    days = [{"users": ["ann"], "begins": "2026-01-05T09:00", "unit": "days", "length": 3}]
    changed = await watch.call("PATCH", path, rotations=days, time_zone="Asia/Shanghai")
    assert (changed["rotations"], changed["time_zone"], changed["name"]) == (days, "Asia/Shanghai", "growth")
    assert await watch.call("GET", path) == changed
    assert (await watch.call("GET", "/v1/schedules"))["items"] == [changed]
    await watch.call("POST", f"{path}/overrides", 201, user_id="dan", ends_at=later(watch, hours=1))
    await watch.call("DELETE", path, 204)

    assert set(await answers(watch, schedule["id"], watch.key)) == {404}
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        assert await session.scalar(text("SELECT count(*) FROM schedule_override")) == 0


async def test_shifts_over_a_change_of_clocks(watch):
    """Handovers on Mondays at 09:00 in Berlin: at 08:00 UTC in winter and 07:00 in summer, from 29 March 2026 on.

    5 January is week 0: 23 March is week 11 (11 = 3 × 3 + 2: cem), 30 March week 12 (ann), 6 April week 13 (ben).
    """
    found = await shifts(watch, await made(watch), since="2026-03-23T08:00:00Z", until="2026-04-10T00:00:00Z")

    assert found == [
        ("cem", "2026-03-23T08:00:00Z", False),
        ("ann", "2026-03-30T07:00:00Z", False),
        ("ben", "2026-04-06T07:00:00Z", False),
    ]


async def test_somebody_takes_over_and_gives_back(watch):
    schedule = await made(watch, rotations=[{"users": ["ann"], "begins": "2026-01-05T09:00"}])
    path = f"/v1/schedules/{schedule['id']}/overrides"
    now = later(watch, seconds=0)
    first = await watch.call("POST", path, 201, user_id="dan", ends_at=later(watch, hours=2))
    await watch.call("POST", path, 201, user_id="eve", starts_at=later(watch, hours=1), ends_at=later(watch, hours=3))
    assert await shifts(watch, schedule) == [
        ("dan", now, True), ("eve", later(watch, hours=1), True), ("ann", later(watch, hours=3), False)
    ]  # fmt: skip
    listed = (await watch.call("GET", path))["items"]
    assert [one["user_id"] for one in listed] == ["eve", "dan"]
    assert await watch.call("GET", f"{path}/{first['id']}") == first
    other = (await made(watch))["id"]
    assert (await watch.call("GET", f"/v1/schedules/{other}/overrides/{first['id']}", 404))["detail"]

    await watch.call("DELETE", f"{path}/{first['id']}", 204)
    assert [user for user, _, _ in await shifts(watch, schedule)] == ["ann", "eve", "ann"]


async def test_before_the_first_shift_nobody_is_on_call(watch):
    begins = watch.service.clock.now() + timedelta(days=2)
    schedule = await made(
        watch, time_zone="UTC", rotations=[{"users": ["ann"], "begins": begins.strftime("%Y-%m-%dT%H:%M")}]
    )
    found = await shifts(watch, schedule)

    assert [(user, start[:16]) for user, start, _ in found] == [("ann", begins.strftime("%Y-%m-%dT%H:%M"))]
    assert await shifts(watch, schedule, until=later(watch, days=1)) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"rotations": []}, "/rotations"),
        ({"rotations": WEEKLY["rotations"] * 6}, "/rotations"),
        ({"rotations": [{"users": [], "begins": "2026-01-05T09:00"}]}, "/rotations/0/users"),
        ({"rotations": [{"users": ["a"] * 51, "begins": "2026-01-05T09:00"}]}, "/rotations/0/users"),
        ({"rotations": [{"users": [""], "begins": "2026-01-05T09:00"}]}, "/rotations/0/users/0"),
        ({"rotations": [{"users": ["a"], "begins": "2026-13-05T09:00"}]}, "/rotations/0/begins"),
        ({"rotations": [{"users": ["a"], "begins": "2026-01-05T09:00Z"}]}, "/rotations/0/begins"),
        ({"rotations": [{"users": ["a"], "begins": "0001-01-05T09:00"}]}, "/rotations/0/begins"),
        ({"rotations": [{"users": ["a"], "begins": "2026-01-05T09:00", "unit": "months"}]}, "/rotations/0/unit"),
        ({"rotations": [{"users": ["a"], "begins": "2026-01-05T09:00", "length": 0}]}, "/rotations/0/length"),
        ({"rotations": [{"users": ["a"], "begins": "2026-01-05T09:00", "unit": "hours", "length": 3}]}, "/rotations/0"),
    ],
)
async def test_a_schedule_that_is_none(watch, body, pointer):
    schedule = await made(watch)
    for method, path, sent in (
        ("POST", "/v1/schedules", WEEKLY | body),
        ("PATCH", f"/v1/schedules/{schedule['id']}", body),
    ):
        answer = await watch.service.client.request(method, path, json=sent, headers=watch.key)
        found = [error["pointer"] for error in answer.json()["errors"]]
        assert (answer.status_code, found) == (422, [pointer]), answer.text


@pytest.mark.parametrize(
    ("starts", "ends"), [(None, 0), (None, -60), (60, 60), (60, 30), (0, 366 * 24 * 3600 + 1), (-7200, -3600)]
)
async def test_an_override_that_is_none(watch, starts, ends):
    schedule = await made(watch)
    body = {"user_id": "dan", "ends_at": later(watch, seconds=ends)}
    body |= {} if starts is None else {"starts_at": later(watch, seconds=starts)}
    answer = await watch.service.client.post(f"/v1/schedules/{schedule['id']}/overrides", json=body, headers=watch.key)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, ["/ends_at"])


@pytest.mark.parametrize("query", [{"until": -60}, {"until": 0}, {"until": 31 * 24 * 3600 + 1}])
async def test_looks_that_are_too_long_or_backwards(watch, query):
    schedule = await made(watch)
    asked = {name: later(watch, seconds=value) for name, value in query.items()}
    answer = await watch.service.client.get(f"/v1/schedules/{schedule['id']}/shifts", params=asked, headers=watch.key)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/until")


async def test_what_is_not_there_or_of_another_workspace(watch):
    schedule = await made(watch)
    other = await watch.service.key(workspace="other")
    reader = await watch.service.key("notifications:read")

    assert set(await answers(watch, schedule["id"], other)) == {404}
    assert set(await answers(watch, uuid4(), watch.key)) == {404}
    assert set(await answers(watch, schedule["id"], {})) == {401}
    assert await answers(watch, schedule["id"], reader) == [200] * 3 + [404] + [403] * 4
    assert (await watch.service.client.get("/v1/schedules", headers=other)).json()["items"] == []


async def test_only_the_version_that_was_seen_is_changed(watch):
    schedule = await made(watch)
    path = f"/v1/schedules/{schedule['id']}"
    await watch.call("PATCH", path, name="another")
    stale = watch.key | {"If-Match": '"1"'}

    assert (await watch.service.client.patch(path, json={"name": "third"}, headers=stale)).status_code == 412
    assert (await watch.service.client.delete(path, headers=stale)).status_code == 412


async def test_how_many_there_may_be(watch, monkeypatch):
    for name in ("SCHEDULES_PER_WORKSPACE", "OVERRIDES_PER_SCHEDULE"):
        monkeypatch.setattr(f"opsloop_common.limits.{name}", 1)
    schedule = await made(watch)
    assert (await watch.service.client.post("/v1/schedules", json=WEEKLY, headers=watch.key)).status_code == 409
    path = f"/v1/schedules/{schedule['id']}/overrides"
    body = {"user_id": "dan", "ends_at": later(watch, hours=1)}
    await watch.call("POST", path, 201, **body)
    assert (await watch.service.client.post(path, json=body, headers=watch.key)).status_code == 409
    watch.service.clock.advance(3600)  # it is over, and takes no place
    await watch.call("POST", path, 201, user_id="dan", ends_at=later(watch, hours=1))


async def test_the_longest_look_at_the_shortest_shifts(watch):
    busy = [{"users": ["a", "b", "c"], "begins": "2026-01-05T09:00", "unit": "hours", "length": 4}] * 5
    schedule = await made(watch, rotations=busy)
    found = await shifts(watch, schedule, until=later(watch, days=31))

    assert 186 <= len(found) <= 187  # 31 × 24 / 4, and one that is cut


async def test_the_audit_log_does_not_say_who(watch):
    schedule = await made(watch, rotations=[{"users": ["secret.person"], "begins": "2026-01-05T09:00"}])
    path = f"/v1/schedules/{schedule['id']}/overrides"
    await watch.call("POST", path, 201, user_id="secret.other", ends_at=later(watch, hours=1))
    admin = await watch.service.key("notifications:admin")
    log = (await watch.service.client.get("/v1/audit", headers=admin)).text

    assert "schedule.created" in log
    assert "secret" not in log


async def test_a_year_of_weeks_in_two_places_is_handed_over_by_their_own_clocks(watch):
    """The same rotation in Shanghai and New York: Mondays at 09:00, 01:00 UTC all year there, 14:00 or 13:00 UTC here."""
    found = {}
    for zone in ("Asia/Shanghai", "America/New_York"):
        rotations = [{"users": ["ann", "ben"], "begins": "2026-01-05T09:00"}]
        schedule = await made(watch, time_zone=zone, rotations=rotations)
        hours = set()
        for month in range(1, 13):
            query = {"since": f"2026-{month:02}-01T00:00:00Z", "until": f"2026-{month:02}-28T00:00:00Z"}
            hours |= {start[11:16] for _, start, _ in (await shifts(watch, schedule, **query))[1:]}
        found[zone] = hours

    assert found == {"Asia/Shanghai": {"01:00"}, "America/New_York": {"13:00", "14:00"}}


async def test_schedules_and_overrides_are_listed_in_pages_newest_first(watch):
    ids = [(await made(watch, name=f"s{number}"))["id"] for number in range(5)]
    path = f"/v1/schedules/{ids[0]}/overrides"
    users = [f"u{number}" for number in range(5)]
    for user in users:
        await watch.call("POST", path, 201, user_id=user, ends_at=later(watch, hours=1))

    async def all_of(where, field):
        seen, cursor = [], None
        while cursor is not None or not seen:
            query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await watch.service.client.get(where, params=query, headers=watch.key)).json()
            seen += [one[field] for one in page["items"]]
            cursor = page["next_cursor"]
        return seen

    assert await all_of("/v1/schedules", "id") == list(reversed(ids))
    assert await all_of(path, "user_id") == list(reversed(users))


async def test_an_override_is_of_its_own_schedule(watch):
    mine, beside = await made(watch), await made(watch)
    path = f"/v1/schedules/{mine['id']}/overrides"
    override = await watch.call("POST", path, 201, user_id="dan", ends_at=later(watch, hours=1))
    wrong = f"/v1/schedules/{beside['id']}/overrides/{override['id']}"

    assert (await watch.service.client.delete(wrong, headers=watch.key)).status_code == 404
    assert (await shifts(watch, mine))[0][0] == "dan"
    assert (await shifts(watch, beside))[0][0] != "dan"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user_id": ""}, "/user_id"),
        ({"user_id": None}, "/user_id"),
        ({"ends_at": None}, "/ends_at"),
        ({"ends_at": "tomorrow"}, "/ends_at"),
        ({"starts_at": "0001-01-01T00:00:00Z"}, "/starts_at"),
        ({"until": "2027-01-01T00:00:00Z"}, "/until"),
    ],
)
async def test_an_override_without_sense(watch, body, pointer):
    schedule = await made(watch)
    sent = {"user_id": "dan", "ends_at": later(watch, hours=1)} | body
    answer = await watch.service.client.post(f"/v1/schedules/{schedule['id']}/overrides", json=sent, headers=watch.key)
    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer]), (
        answer.text
    )


async def test_a_change_counts_from_now_and_overrides_stay(watch):
    schedule = await made(watch)
    path = f"/v1/schedules/{schedule['id']}"
    await watch.call("POST", f"{path}/overrides", 201, user_id="dan", ends_at=later(watch, hours=1))
    await watch.call("PATCH", path, rotations=[{"users": ["zoe"], "begins": "2026-01-05T09:00"}])

    assert [user for user, _, _ in await shifts(watch, schedule)] == ["dan", "zoe"]


async def test_overrides_made_at_once_keep_to_their_number(watch, monkeypatch):
    monkeypatch.setattr("opsloop_common.limits.OVERRIDES_PER_SCHEDULE", 2)
    path = f"/v1/schedules/{(await made(watch))['id']}/overrides"
    body = {"user_id": "dan", "ends_at": later(watch, hours=1)}
    sent = [watch.service.client.post(path, json=body, headers=watch.key) for _ in range(5)]
    found = sorted(answer.status_code for answer in await asyncio.gather(*sent))

    assert found == [201, 201, 409, 409, 409]


async def test_an_override_and_the_end_of_its_schedule_at_once_leave_nothing(watch):
    schedule = await made(watch)
    path = f"/v1/schedules/{schedule['id']}"
    body = {"user_id": "dan", "ends_at": later(watch, hours=1)}
    posted, deleted = await asyncio.gather(
        watch.service.client.post(f"{path}/overrides", json=body, headers=watch.key),
        watch.service.client.delete(path, headers=watch.key),
    )

    assert (posted.status_code in (201, 404), deleted.status_code) == (True, 204)
    async with watch.service.db.transaction(Context(workspace="acme")) as session:
        assert await session.scalar(text("SELECT count(*) FROM schedule_override")) == 0


@pytest.mark.parametrize("user", ["支付组", "a/b c", "u%20", "🔥", "o'brien", "x" * 200])
async def test_whoever_it_is_they_are_only_an_id(watch, user):
    schedule = await made(watch, rotations=[{"users": [user], "begins": "2026-01-05T09:00"}])
    path = f"/v1/schedules/{schedule['id']}/overrides"
    await watch.call("POST", path, 201, user_id=user, ends_at=later(watch, hours=1))

    assert [found for found, _, _ in await shifts(watch, schedule)] == [user, user]


async def test_doors_say_where_what_was_made_is(watch):
    answer = await watch.service.client.post("/v1/schedules", json=WEEKLY, headers=watch.key)
    path = f"/v1/schedules/{answer.json()['id']}"
    where = answer.url.join(answer.headers["location"]).path  # relative to what was asked
    assert (where, answer.headers["etag"]) == (path, '"1"')
    shown = await watch.service.client.get(path, headers=watch.key)
    assert (shown.json(), shown.headers["etag"]) == (answer.json(), '"1"')
    same = await watch.service.client.patch(path, json={"name": WEEKLY["name"]}, headers=watch.key)
    assert same.headers["etag"] == '"1"'
    body = {"user_id": "dan", "ends_at": later(watch, hours=1)}
    made_override = await watch.service.client.post(f"{path}/overrides", json=body, headers=watch.key)
    where = made_override.url.join(made_override.headers["location"]).path
    shown = await watch.service.client.get(where, headers=watch.key)
    assert (shown.json(), shown.headers["etag"]) == (made_override.json(), made_override.headers["etag"])


async def test_rotations_that_begin_one_after_the_other(watch):
    """A team grows: from Monday on there are three who take turns, until then two."""
    begins = watch.service.clock.now().replace(hour=0, minute=0)
    first, second = (begins + timedelta(days=days) for days in (-2, 3))
    rotations = [
        {"users": ["ann", "ben"], "begins": first.strftime("%Y-%m-%dT%H:%M"), "unit": "days", "length": 1},
        {"users": ["cem", "dan", "eve"], "begins": second.strftime("%Y-%m-%dT%H:%M"), "unit": "days", "length": 1},
    ]
    schedule = await made(watch, time_zone="UTC", rotations=rotations)
    span = {"since": begins.isoformat(), "until": (begins + timedelta(days=7)).isoformat()}

    # two days after the first handover it is ann again; the new rotation begins with its first
    assert [user for user, _, _ in await shifts(watch, schedule, **span)] == [
        "ann", "ben", "ann", "cem", "dan", "eve", "cem"
    ]  # fmt: skip


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Pacific/Chatham"])
async def test_the_clock_is_that_of_the_schedules_place(watch, zone):
    schedule = await made(watch, time_zone=zone, rotations=[{"users": ["ann"], "begins": "2026-12-01T09:00"}])
    found = await shifts(watch, schedule, since="2026-11-20T00:00:00Z", until="2026-12-10T00:00:00Z")
    begins = datetime(2026, 12, 1, 9, tzinfo=ZoneInfo(zone))

    assert [datetime.fromisoformat(start) for _, start, _ in found] == [begins]


async def test_an_override_that_was_seen_otherwise_stays(watch):
    schedule = await made(watch)
    path = f"/v1/schedules/{schedule['id']}/overrides"
    override = await watch.call("POST", path, 201, user_id="dan", ends_at=later(watch, hours=1))
    stale = watch.key | {"If-Match": '"9"'}
    assert (await watch.service.client.delete(f"{path}/{override['id']}", headers=stale)).status_code == 412

    seen = watch.key | {"If-Match": '"1"'}
    assert (await watch.service.client.delete(f"{path}/{override['id']}", headers=seen)).status_code == 204


async def test_an_override_is_shown_until_it_or_its_schedule_is_thrown_away(watch):
    schedule = await made(watch)
    path = f"/v1/schedules/{schedule['id']}/overrides"
    one, two = [
        await watch.call("POST", path, 201, user_id=user, ends_at=later(watch, hours=1)) for user in ("dan", "eve")
    ]
    assert (await watch.call("GET", f"{path}/{one['id']}"))["user_id"] == "dan"

    await watch.call("DELETE", f"{path}/{one['id']}", 204)
    await watch.call("GET", f"{path}/{one['id']}", 404)
    assert (await watch.call("GET", f"{path}/{two['id']}"))["user_id"] == "eve"
    await watch.call("DELETE", f"/v1/schedules/{schedule['id']}", 204)
    await watch.call("GET", f"{path}/{two['id']}", 404)
