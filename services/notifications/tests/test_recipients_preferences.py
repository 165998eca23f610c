"""What people want to hear, and when they are left alone, through the HTTP doors."""

from urllib.parse import quote

import pytest

from opsloop_common.testing.ids import GOOD_IDS

PATH = "/v1/recipients/u1/preferences"
NOTHING = {"topics": [], "quiet_hours": None}
NIGHT = {"start": "22:00", "end": "08:00"}


def wants(topic="news", channel="email", is_on=False):
    return {"topic": topic, "channel": channel, "is_on": is_on, "digest": None}


class Person:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path=PATH, status=200, *, headers=None, **options):
        given = self.key | (headers or {})
        self.answer = await self.service.client.request(method, path, headers=given, **options)
        assert self.answer.status_code == status, self.answer.text
        return self.answer.json() if self.answer.content else None

    async def prefer(self, status=200, *, headers=None, **fields):
        return await self.call("PUT", status=status, headers=headers, json=NOTHING | fields)

    async def told(self):
        events = await self.service.events()
        return [
            (event.data["topic"], event.data["channel"], event.data["by"])
            for event in events
            if event.type == "recipient.unsubscribed"
        ]


@pytest.fixture
async def person(service):
    made = Person(service, await service.key())
    await made.call("PUT", "/v1/recipients/u1", 201, json={"email": "u1@example.test"})
    return made


async def test_who_said_nothing_has_no_preferences(person):
    assert await person.call("GET") == {"user_id": "u1"} | NOTHING


async def test_what_is_said_is_kept_in_order_and_what_is_off_stays_so_until_it_is_named(person):
    said = [wants("z"), wants("a", "inbox", True), wants("a", "email")]

    put = await person.prefer(topics=said, quiet_hours=NIGHT)

    assert put["topics"] == [wants("a", "email"), wants("a", "inbox", True), wants("z")]
    assert put["quiet_hours"] == NIGHT
    assert await person.call("GET") == put
    assert await person.prefer() == {"user_id": "u1"} | NOTHING | {"topics": [wants("a", "email"), wants("z")]}
    assert (await person.prefer(topics=[wants("z", is_on=True)]))["topics"] == [
        wants("a", "email"),
        wants("z", is_on=True),
    ]


async def test_a_person_says_it_with_a_token_of_their_own_and_takes_it_back(person, service):
    own = Person(service, await service.user("u1"))
    other = Person(service, await service.user("u2"))
    await person.prefer(topics=[wants("a")])

    assert (await own.call("GET"))["topics"] == [wants("a")]
    assert await own.prefer() == {"user_id": "u1"} | NOTHING
    await other.call("GET", status=404)
    await other.prefer(404)


async def test_a_version_holds_for_address_and_preferences_together(person):
    await person.prefer(topics=[wants()])
    tag = person.answer.headers["etag"]

    await person.prefer(topics=[wants()])
    assert person.answer.headers["etag"] == tag == '"2"'
    await person.call("GET", "/v1/recipients/u1")
    assert person.answer.headers["etag"] == tag
    await person.prefer(412, headers={"If-Match": '"1"'})
    await person.prefer(headers={"If-Match": tag})


async def test_what_is_put_of_the_address_leaves_them_as_they_are(person):
    kept = await person.prefer(topics=[wants()], quiet_hours=NIGHT)

    await person.call("PUT", "/v1/recipients/u1", json={"email": "new@example.test", "locale": "zh-CN"})
    await person.call("PATCH", "/v1/recipients/u1", json={"name": "First reader"})

    assert await person.call("GET") == kept


async def test_each_topic_that_is_left_is_told_once(person):
    await person.prefer(topics=[wants("a"), wants("b", is_on=True)])
    await person.prefer(topics=[wants("a"), wants("b", is_on=True)])
    await person.prefer(topics=[wants("a"), wants("b"), wants("b", "inbox")])
    await person.prefer(topics=[wants("a", is_on=True)])
    await person.prefer(topics=[wants("a")])

    assert await person.told() == [
        ("a", "email", "api"),
        ("b", "email", "api"),
        ("b", "inbox", "api"),
        ("a", "email", "api"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"topics": None},
        {"topics": [wants("No Slug")]},
        {"topics": [wants("@confirmation")]},
        {"topics": [wants(channel="pigeon")]},
        {"topics": [wants(is_on="no")]},
        {"topics": [wants(), wants(is_on=True)]},
        {"topics": [wants(f"t{number}") for number in range(501)]},
        {"topics": [], "quiet_hours": {"start": "22:00"}},
        {"topics": [], "quiet_hours": {"start": "22:00", "end": "22:00"}},
        {"topics": [], "quiet_hours": {"start": "24:00", "end": "08:00"}},
        {"topics": [], "quiet_hours": {"start": "9:00", "end": "08:00"}},
        {"topics": [], "quiet_hours": {"start": "٢٢:00", "end": "08:00"}},
        {"topics": [], "quiet_hours": {"start": 22, "end": 8}},
        [],
    ],
)
async def test_malformed(person, body):
    await person.call("PUT", status=422, json=body)


async def test_who_may(person, service):
    reader = Person(service, await service.key("notifications:read"))
    theirs = Person(service, await service.key(workspace="b"))

    await reader.call("GET")
    await reader.prefer(403)
    await theirs.call("GET", status=404)
    await theirs.prefer(404)
    assert (await service.client.get(PATH)).status_code == 401
    await person.call("GET", "/v1/recipients/nobody/preferences", 404)


async def test_whoever_has_an_id_can_say_what_they_want(person):
    for id in GOOD_IDS:
        one = f"/v1/recipients/{quote(id, safe='')}"
        await person.call("DELETE", one, 204 if id == "u1" else 404)
        await person.call("PUT", one, 201, json={"email": "x@example.test"})
        put = await person.call("PUT", f"{one}/preferences", json=NOTHING | {"topics": [wants()]})
        assert put["user_id"] == id
        assert await person.call("GET", f"{one}/preferences") == put


async def test_the_audit_log_keeps_labels_and_times_and_no_id(person):
    await person.prefer(topics=[wants()], quiet_hours=NIGHT)

    admin = Person(person.service, await person.service.key("notifications:admin"))
    log = (await admin.call("GET", "/v1/audit"))["items"]
    (entry,) = (each for each in log if each["action"] == "recipient.updated")
    assert entry["after"] == {"topics": [wants()], "quiet_start": "22:00", "quiet_end": "08:00"}
    assert "u1" not in entry["subject"]


async def test_who_is_deleted_and_put_again_said_nothing(person):
    await person.prefer(topics=[wants()], quiet_hours=NIGHT)

    await person.call("DELETE", "/v1/recipients/u1", 204)
    await person.call("PUT", "/v1/recipients/u1", 201, json={})

    assert await person.call("GET") == {"user_id": "u1"} | NOTHING
