"""People are changed field by field, and found by address, state and language."""

import pytest

PATH = "/v1/recipients/u1"
WHOLE = {
    "email": "u1@example.test",
    "locale": "zh-CN",
    "name": "First reader",
    "time_zone": "Asia/Shanghai",
    "state": "unconfirmed",
}


class Book:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def call(self, method, path=PATH, status=200, *, headers=None, **options):
        given = self.key | (headers or {})
        self.answer = await self.service.client.request(method, path, headers=given, **options)
        assert self.answer.status_code == status, self.answer.text
        return self.answer.json() if self.answer.content else None

    async def listed(self, **query):
        return [item["user_id"] for item in (await self.call("GET", "/v1/recipients", params=query))["items"]]


@pytest.fixture
async def book(service):
    made = Book(service, await service.key())
    await made.call("PUT", status=201, json=WHOLE)
    return made


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"email": "new@example.test"}, {"email": "new@example.test", "state": "confirmed"}),
        ({"email": None}, {"email": None, "state": "confirmed"}),
        ({"email": "new@example.test", "state": "unconfirmed"}, {"email": "new@example.test"}),
        ({"state": "confirmed"}, {"state": "confirmed"}),
        ({"locale": None}, {"locale": None}),
        ({"name": "Second reader"}, {"name": "Second reader"}),
        ({"time_zone": "Europe/Paris"}, {"time_zone": "Europe/Paris"}),
        ({"name": None, "time_zone": None}, {"name": None, "time_zone": None}),
        ({"email": "u1@example.test"}, {}),
        ({}, {}),
    ],
)
async def test_what_is_left_out_stays(book, change, differs):
    before = await book.call("GET")

    after = await book.call("PATCH", json=change)

    assert {name: after[name] for name in after if after[name] != before[name] and name != "updated_at"} == differs
    assert book.answer.headers["etag"] == ('"2"' if differs else '"1"')
    assert await book.call("GET") == after


@pytest.mark.parametrize(
    "change",
    [
        {"email": "nobody"},
        {"state": "bounced"},
        {"state": None},
        {"time_zone": "Mars/Base"},
        {"time_zone": "localtime"},
        {"name": ""},
        {"name": "x" * 201},
        {"user_id": "u2"},
        {"wanted": {}},
        [],
    ],
)
async def test_malformed(book, change):
    await book.call("PATCH", status=422, json=change)


async def test_who_may(book, service):
    reader = Book(service, await service.key("notifications:read"))
    theirs = Book(service, await service.key(workspace="b"))

    await reader.call("PATCH", status=403, json={})
    await theirs.call("PATCH", status=404, json={})
    await book.call("PATCH", "/v1/recipients/nobody", 404, json={})
    await book.call("PATCH", status=412, json={"locale": "en"}, headers={"If-Match": '"7"'})
    assert (await service.client.patch(PATH, json={})).status_code == 401


async def test_they_are_found_by_address_state_and_language(book):
    for user, fields in {
        "u2": {"email": "U1@example.test", "locale": "en"},
        "u3": {"email": "u3@example.test", "locale": "zh-CN"},
        "u4": {},
    }.items():
        await book.call("PUT", f"/v1/recipients/{user}", 201, json=fields)
        book.service.clock.advance(1)

    assert await book.listed() == ["u4", "u3", "u2", "u1"]
    assert await book.listed(email="u1@EXAMPLE.test") == ["u2", "u1"]
    assert await book.listed(state="unconfirmed") == ["u1"]
    assert await book.listed(locale="zh-CN") == ["u3", "u1"]
    assert await book.listed(state="confirmed", locale="zh-CN") == ["u3"]
    await book.call("GET", "/v1/recipients", 422, params={"state": "happy"})
    await book.call("GET", "/v1/recipients", 422, params={"email": "nobody"})


async def test_the_audit_log_says_states_and_keeps_names_to_itself(book):
    await book.call("PATCH", json={"state": "confirmed", "name": "Second reader"})

    admin = Book(book.service, await book.service.key("notifications:admin"))
    log = (await admin.call("GET", "/v1/audit"))["items"]
    (entry,) = (each for each in log if each["action"] == "recipient.updated")
    assert (entry["before"]["state"], entry["after"]["state"]) == ("unconfirmed", "confirmed")
    assert "reader" not in str(log)
    assert "example.test" not in str(log)


async def test_what_is_put_is_all_there_is(book):
    await book.call("PUT", json={"email": "u1@example.test"})

    shown = await book.call("GET")
    assert [shown[name] for name in ("locale", "name", "time_zone")] == [None, None, None]
    assert shown["state"] == "unconfirmed", "the same address is as well known as before"
