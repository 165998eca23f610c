"""Topics through the HTTP doors."""

import asyncio

import pytest

from opsloop_common import limits

PATH = "/v1/notification-topics"
NEWS = {"key": "news", "name": "News", "name_zh": "新闻", "throttle": {"count": 3, "window": "P1D"}}


class Topics:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path=PATH, status=200, *, headers=None, **options):
        given = self.key | (headers or {})
        answer = await self.service.client.request(method, path, headers=given, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def add(self, status=201, **fields):
        return await self.call("POST", status=status, json=NEWS | fields)


@pytest.fixture
async def topics(service):
    return Topics(service, await service.key())


async def test_made_shown_changed_and_deleted(topics):
    made = await topics.add()
    path = f"{PATH}/{made['id']}"

    assert (made["name_zh"], made["is_on"], made["is_critical"]) == ("新闻", True, False)
    assert made["throttle"] == {"count": 3, "window": "P1D"}
    assert await topics.call("GET", path) == made
    changed = await topics.call("PATCH", path, json={"is_on": False, "throttle": None})
    assert (changed["is_on"], changed["throttle"], changed["name"]) == (False, None, "News")
    assert (await topics.call("GET"))["items"] == [changed]
    await topics.call("PATCH", path, 412, json={"is_on": True}, headers={"If-Match": '"1"'})
    await topics.call("DELETE", path, 204)
    await topics.call("GET", path, 404)
    await topics.add()


async def test_a_key_is_taken_once_also_by_two_at_once(topics):
    post = {"json": NEWS, "headers": topics.key}
    answers = await asyncio.gather(*(topics.service.client.post(PATH, **post) for _ in range(3)))

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    await topics.add(409)
    theirs = Topics(topics.service, await topics.service.key(workspace="b"))
    await theirs.add()


async def test_a_workspace_has_so_many(topics, monkeypatch):
    monkeypatch.setattr(limits, "TOPICS_PER_WORKSPACE", 1)
    await topics.add()

    answer = await topics.add(409, key="other")

    assert answer["type"].endswith("too_many")


@pytest.mark.parametrize(
    "fields",
    [
        {"key": "No Slug"},
        {"key": "@confirmation"},
        {"name": ""},
        {"is_on": "yes"},
        {"throttle": {"count": 0, "window": "P1D"}},
        {"throttle": {"count": 1_001, "window": "P1D"}},
        {"throttle": {"count": 1, "window": "PT1S"}},
        {"throttle": {"count": 1, "window": "P31D"}},
        {"throttle": {"count": 1}},
    ],
)
async def test_malformed(topics, fields):
    await topics.add(422, **fields)


async def test_who_may(topics, service):
    made = await topics.add()
    reader = Topics(service, await service.key("notifications:read"))
    theirs = Topics(service, await service.key(workspace="b"))
    path = f"{PATH}/{made['id']}"

    await reader.add(403)
    await reader.call("PATCH", path, 403, json={})
    await reader.call("DELETE", path, 403)
    await reader.call("GET", path)
    await theirs.call("GET", path, 404)
    await theirs.call("PATCH", path, 404, json={})
    await theirs.call("DELETE", path, 404)
    assert (await service.client.get(PATH)).status_code == 401


async def test_the_audit_log_keeps_how_it_is_sent_and_no_words(topics):
    made = await topics.add()
    await topics.call("PATCH", f"{PATH}/{made['id']}", json={"is_critical": True})

    admin = Topics(topics.service, await topics.service.key("notifications:admin"))
    log = (await admin.call("GET", "/v1/audit"))["items"]
    after = {entry["action"]: entry["after"] for entry in log}
    assert after["notification_topic.updated"] == {"is_critical": True}
    assert after["notification_topic.created"]["throttle_seconds"] == 86_400
    assert "新闻" not in str(log)


async def test_pages_of_the_list_hold_all_once(topics):
    for number in range(5):
        await topics.add(key=f"t{number}")

    keys, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await topics.call("GET", params=query)
        keys += [item["key"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert keys == ["t4", "t3", "t2", "t1", "t0"]


async def test_a_throttle_is_replaced_as_a_whole(topics):
    made = await topics.add()
    path = f"{PATH}/{made['id']}"

    changed = await topics.call("PATCH", path, json={"throttle": {"count": 9, "window": "PT2H"}})
    same = await topics.call("PATCH", path, json={"throttle": {"count": 9, "window": "PT2H"}})

    assert changed["throttle"] == {"count": 9, "window": "PT2H"}
    assert same == changed


async def test_what_people_said_of_a_key_outlives_its_topic(topics):
    await topics.call("PUT", "/v1/recipients/u1", 201, json={"email": "u1@example.test"})
    made = await topics.add()
    wanted = {"topics": [{"topic": "news", "channel": "email", "is_on": False, "digest": None}], "quiet_hours": None}
    await topics.call("PUT", "/v1/recipients/u1/preferences", json=wanted)

    await topics.call("DELETE", f"{PATH}/{made['id']}", 204)

    kept = await topics.call("GET", "/v1/recipients/u1/preferences")
    assert kept["topics"] == wanted["topics"]


@pytest.mark.parametrize("change", [{"name": "Other"}, {"name_zh": None}, {"is_on": False}, {"is_critical": True}])
async def test_each_field_changes_alone(topics, change):
    made = await topics.add()

    changed = await topics.call("PATCH", f"{PATH}/{made['id']}", json=change)

    assert {name for name in made if made[name] != changed[name]} - {"updated_at"} == set(change)


@pytest.mark.parametrize("change", [{"key": "other"}, {"is_on": None}, {"name": None}, {"throttle": 3}])
async def test_what_cannot_change_is_refused(topics, change):
    made = await topics.add()

    await topics.call("PATCH", f"{PATH}/{made['id']}", 422, json=change)


async def test_an_id_that_is_none_is_not_found(topics):
    for path in (f"{PATH}/nothing", f"{PATH}/00000000-0000-0000-0000-000000000000"):
        await topics.call("GET", path, 404)
        await topics.call("DELETE", path, 404)
        await topics.call("PATCH", path, 404, json={"is_on": True})


async def test_how_often_it_comes_is_part_of_a_topic(topics):
    made = await topics.add(digest={"every": "week", "at": "18:30"})
    assert made["digest"] == {"every": "week", "at": "18:30", "weekday": "monday"}
    one = f"{PATH}/{made['id']}"
    for digest in (
        {"every": "year"},
        {"at": "09:00"},
        {"every": "day", "at": "9"},
        {"every": "week", "weekday": "mon"},
        "day",
    ):
        await topics.call("PATCH", one, 422, json={"digest": digest})
    assert (await topics.call("GET", one))["digest"] == made["digest"]
