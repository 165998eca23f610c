"""Many people at once: each row for itself, valid rows together."""

import asyncio

import pytest

PATH = "/v1/recipients:batch"


def row(user="u1", **fields):
    return {"user_id": user, "email": f"{user}@example.test"} | fields


class Batch:
    def __init__(self, service, key):
        self.service, self.key = service, key

    async def put(self, *rows, status=200, headers=None):
        given = self.key | (headers or {})
        answer = await self.service.client.post(PATH, json={"items": list(rows)}, headers=given)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def became(self, *rows):
        return [(item["user_id"], item["status"]) for item in (await self.put(*rows))["items"]]

    async def shown(self, user="u1"):
        answer = await self.service.client.get(f"/v1/recipients/{user}", headers=self.key)
        return answer.json() if answer.status_code == 200 else None


@pytest.fixture
async def batch(service):
    return Batch(service, await service.key())


async def test_each_row_is_told_in_the_order_sent(batch):
    await batch.put(row("same"), row("differs"))

    found = await batch.became(row("new"), row("same"), row("differs", locale="zh-CN"), row("bad", email="nobody"))

    assert found == [("new", "created"), ("same", "unchanged"), ("differs", "updated"), ("bad", "invalid")]
    assert (await batch.shown("differs"))["locale"] == "zh-CN"
    assert await batch.shown("bad") is None
    assert (await batch.shown("new"))["is_by_hand"] is True


async def test_a_row_is_what_a_put_of_one_would_be(batch):
    whole = {"locale": "zh-CN", "name": "First reader", "time_zone": "Asia/Shanghai", "state": "unconfirmed"}
    await batch.put(row("many", email="x@example.test", **whole))
    one = {"email": "x@example.test"} | whole
    await batch.service.client.put("/v1/recipients/one", json=one, headers=batch.key)

    many, put = await batch.shown("many"), await batch.shown("one")
    assert many | {"user_id": "one"} == put
    await batch.put(row("many", email="x@example.test"))
    again = await batch.shown("many")
    assert (again["name"], again["state"]) == (None, "unconfirmed"), (
        "what is left out is forgotten, but for what is known"
    )


@pytest.mark.parametrize(
    ("bad", "pointer"),
    [
        ({"email": "a@x.test"}, "/user_id"),
        (row(email="nobody"), "/email"),
        (row(locale="not a locale"), "/locale"),
        (row(time_zone="Mars/Base"), "/time_zone"),
        (row(state="bounced"), "/state"),
        (row(name=3), "/name"),
        (row(user="a/../b"), "/user_id"),
        (row(nickname="x"), ""),
        ("u1", ""),
        (None, ""),
    ],
)
async def test_a_row_that_is_none_refuses_itself_and_names_the_field(batch, bad, pointer):
    refused, taken = (await batch.put(bad, row("good")))["items"]

    assert refused["status"] == "invalid"
    assert pointer in {error["pointer"] for error in refused["errors"]} or not pointer
    assert taken == {"user_id": "good", "status": "created", "errors": []}


async def test_who_is_named_twice_is_taken_once(batch):
    first, second = (await batch.put(row(locale="en"), row(locale="fr")))["items"]

    assert (first["status"], second["status"]) == ("created", "invalid")
    assert second["errors"] == [{"pointer": "/user_id", "detail": "is named by an earlier row of the batch"}]
    assert (await batch.shown())["locale"] == "en"


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": {}}, {"items": [row()] * 1_001}, {"rows": []}, []])
async def test_malformed(batch, body):
    answer = await batch.service.client.post(PATH, json=body, headers=batch.key)

    assert answer.status_code == 422


async def test_who_may(batch, service):
    reader = Batch(service, await service.key("notifications:read"))
    theirs = Batch(service, await service.key(workspace="b"))

    await reader.put(row(), status=403)
    assert (await service.client.post(PATH, json={"items": [row()]})).status_code == 401
    await theirs.put(row())
    assert await batch.shown() is None


async def test_batches_that_name_the_same_people_at_once_all_land(batch):
    rows = [row(f"u{number}") for number in range(20)]

    found = await asyncio.gather(batch.became(*rows), batch.became(*reversed(rows)), batch.became(*rows[5:]))

    created = [user for became in found for user, status in became if status == "created"]
    assert sorted(created) == sorted({each["user_id"] for each in rows})
    assert all(status in ("created", "unchanged") for became in found for _, status in became)


async def test_a_batch_of_a_thousand_is_taken_and_told_again_by_its_key(batch):
    rows = [row(f"u{number}") for number in range(1_000)]

    first = await batch.put(*rows, headers={"Idempotency-Key": "k1"})
    again = await batch.put(*rows, headers={"Idempotency-Key": "k1"})

    assert {item["status"] for item in first["items"]} == {"created"}
    assert again == first
    assert {status for _, status in await batch.became(*rows)} == {"unchanged"}


async def test_the_audit_log_says_of_each_that_it_came_and_no_address(batch):
    await batch.put(row("u1"), row("u2"))

    admin = await batch.service.key("notifications:admin")
    log = (await batch.service.client.get("/v1/audit", headers=admin)).json()["items"]
    assert [entry["action"] for entry in log].count("recipient.created") == 2
    assert "example.test" not in str(log)


async def test_ids_that_others_give_are_taken_as_they_are_and_bad_ones_are_not_told_back(batch):
    found = await batch.put(row("org/alice"), row("支付 1", email=None), row("a\u0007b"), row("x" * 201))

    assert [item["user_id"] for item in found["items"]] == ["org/alice", "支付 1", None, None]
    assert [item["status"] for item in found["items"]] == ["created", "created", "invalid", "invalid"]


async def test_what_people_want_outlives_a_batch(batch):
    await batch.put(row())
    wanted = {"topics": [{"topic": "news", "channel": "email", "is_on": False}], "quiet_hours": None}
    path = "/v1/recipients/u1/preferences"
    await batch.service.client.put(path, json=wanted, headers=batch.key)

    await batch.put(row(locale="fr"))

    assert (await batch.service.client.get(path, headers=batch.key)).json()["topics"] == wanted["topics"]
