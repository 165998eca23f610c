"""Where people are reached, through the HTTP doors."""

from urllib.parse import quote

import pytest

from opsloop_common.testing.ids import BAD_IDS, GOOD_IDS

PATH = "/v1/recipients/u1"


async def test_put_get_delete(service):
    key = await service.key()
    client = service.client

    made = await client.put(PATH, json={"email": "u1@example.test", "locale": "zh-CN"}, headers=key)
    same = await client.put(PATH, json={"email": "u1@example.test", "locale": "zh-CN"}, headers=key)
    stale = await client.put(PATH, json={"locale": "en"}, headers=key | {"If-Match": '"4"'})
    changed = await client.put(PATH, json={"locale": "en"}, headers=key | {"If-Match": '"1"'})
    listed = await client.get("/v1/recipients", headers=key)
    gone = await client.delete(PATH, headers=key)

    assert (made.status_code, same.status_code) == (201, 200)
    assert (made.json()["email"], made.json()["locale"]) == ("u1@example.test", "zh-CN")
    assert made.headers["etag"] == same.headers["etag"] == '"1"'
    assert stale.status_code == 412
    assert (changed.json()["email"], changed.json()["locale"]) == (None, "en")
    assert listed.json()["items"] == [changed.json()]
    assert gone.status_code == 204
    assert (await client.get(PATH, headers=key)).status_code == 404
    assert (await client.delete(PATH, headers=key)).status_code == 404
    for tag in ('"1"', '"0"', "*"):
        assert (await client.put(PATH, json={}, headers=key | {"If-Match": tag})).status_code == 412


@pytest.mark.parametrize(
    "body",
    [
        {"email": "nobody"},
        {"email": "a@b.test\r\nBcc: x@y.test"},
        {"email": "a@b.test, c@d.test"},
        {"email": 1},
        {"locale": "not a locale"},
        {"nickname": "x"},
        {"name": ""},
        {"time_zone": "Mars/Base"},
        {"state": "bounced"},
        [],
    ],
)
async def test_malformed(service, body):
    assert (await service.client.put(PATH, json=body, headers=await service.key())).status_code == 422


async def test_who_may(service):
    key, other, reader = await service.key(), await service.key(workspace="b"), await service.key("notifications:read")
    client = service.client
    await client.put(PATH, json={"email": "u1@example.test"}, headers=key)

    assert (await client.get(PATH)).status_code == 401
    assert (await client.put(PATH, json={})).status_code == 401
    assert (await client.put(PATH, json={}, headers=reader)).status_code == 403
    assert (await client.delete(PATH, headers=reader)).status_code == 403
    assert (await client.get(PATH, headers=other)).status_code == 404
    assert (await client.delete(PATH, headers=other)).status_code == 404
    assert (await client.put(PATH, json={"email": "else@example.test"}, headers=other)).status_code == 201
    assert (await client.get(PATH, headers=key)).json()["email"] == "u1@example.test"


@pytest.mark.parametrize(
    "address",
    [
        "a..b@x.test",
        ".a@x.test",
        "a@-x.com",
        "a@x",
        "a@xn--zzzzzz999.com",
        "a@" + "b" * 300 + ".com",
        *(f"{unseen}a@x.test" for unseen in "\u200b\ufeff\u202e\u00ad\u2060\u3164\ufe0f"),
    ],
)
async def test_an_address_that_cannot_be_is_refused_in_words(service, address):
    answer = await service.client.put(PATH, json={"email": address}, headers=await service.key())

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["pointer"]) == (422, "/email")
    assert "must " in error["detail"]
    assert not {"^", "\\", address} & {error["detail"], *error["detail"]}


@pytest.mark.parametrize("safe", ["", "/"], ids=["slashes encoded", "slashes as they are"])
async def test_whoever_has_an_id_can_be_addressed(service, safe):
    key = await service.key()
    client = service.client

    for id in GOOD_IDS:
        path = f"/v1/recipients/{quote(id, safe=safe)}"
        made = await client.put(path, json={"locale": "en"}, headers=key)
        shown = await client.get(path, headers=key)
        filtered = await client.get("/v1/notifications", params={"user_id": id}, headers=key)
        assert (made.status_code, made.json()["user_id"]) == (201, id)
        assert shown.json() == made.json()
        assert filtered.status_code == 200
    listed = await client.get("/v1/recipients", params={"limit": 200}, headers=key)
    assert {item["user_id"] for item in listed.json()["items"]} == set(GOOD_IDS)
    for id in GOOD_IDS:
        path = f"/v1/recipients/{quote(id, safe=safe)}"
        assert (await client.delete(path, headers=key)).status_code == 204, id
        assert (await client.get(path, headers=key)).status_code == 404, id


@pytest.mark.parametrize("id", BAD_IDS)
async def test_an_id_that_can_be_nobodys_names_nobody(service, id):
    key = await service.key()
    path = f"/v1/recipients/{quote(id, safe='').replace('.', '%2E')}"

    assert (await service.client.put(path, json={}, headers=key)).status_code == 404
    filtered = await service.client.get("/v1/notifications", params={"user_id": id}, headers=key)
    (error,) = filtered.json()["errors"]
    assert (filtered.status_code, error["pointer"]) == (422, "/query/user_id")
    assert (await service.client.get("/v1/recipients", headers=key)).json()["items"] == []
