"""Which doors tell the reject log, and what it says of who sent what was refused."""

import gzip
import json
from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_common.db import Context
from opsloop_metrics.rejections import service
from opsloop_metrics.rejections.service import Problem, Reason

PATH = "/v1/rejected-messages"


def key_of(headers):
    return headers["Authorization"].removeprefix("Bearer ")


async def segment(world, *messages, headers=None, **options):
    body = {"batch": list(messages), "writeKey": key_of(headers or world.headers)}
    return await world.send("POST", "/v1/batch", json=body, headers=options.get("sent_with", {}))


async def posthog(world, *messages):
    return await world.send("POST", "/batch/", json={"batch": list(messages), "api_key": key_of(world.headers)})


async def items(world, **params):
    return (await world.get(PATH, **params))["items"]


@pytest.mark.parametrize(
    ("send", "message", "vendor"),
    [
        (segment, {"type": "track", "userId": "u1", "messageId": "m1"}, "segment"),
        (posthog, {"properties": {"distinct_id": "u1"}, "uuid": str(uuid4())}, "posthog"),
    ],
)
async def test_each_vendors_door_tells_it(world_with_store, send, message, vendor):
    answer = await send(world_with_store, message)
    assert answer.status_code in (200, 400)
    [found] = await items(world_with_store, vendor=vendor)
    assert json.loads(found["raw"]) == message
    assert found["reason"] == "missing_event"


@pytest.mark.parametrize(
    ("send", "message"),
    [
        (segment, {"type": "track", "event": "E", "userId": "../x"}),
        (segment, {"type": "track", "event": "E", "anonymousId": "a\tb"}),
        (segment, {"type": "alias", "userId": "u1", "previousId": ".."}),
        (segment, {"type": "group", "userId": "u1", "groupId": "a/../b"}),
        (posthog, {"event": "E", "properties": {"distinct_id": "."}}),
        (posthog, {"event": "E", "properties": {"distinct_id": "u1", "$groups": {"company": "./a"}}}),
    ],
    ids=["user", "anonymous", "previous", "group", "speaker", "of a type"],
)
async def test_an_id_that_no_address_can_name_is_told_and_nobody_comes_of_it(world_with_store, send, message):
    await send(world_with_store, message)

    [found] = await items(world_with_store)
    assert (found["reason"], "must not" in found["detail"]) == ("bad_id", True)
    assert await items_of(world_with_store, "/v1/users") == []


async def items_of(world, path):
    return (await world.get(path))["items"]


async def test_whose_key_it_was(world_with_store):
    partner = await world_with_store.api.key("metrics:capture", source="partner")
    await segment(world_with_store, {"type": "track", "userId": "u1"}, headers=partner)
    [found] = await items(world_with_store, source="partner")
    assert found["source"] == "partner"
    assert await items(world_with_store, source="shop") == []


async def test_a_publishable_key_adds_to_it_and_reads_nothing_of_it(world_with_store):
    origin = {"Origin": "https://shop.example"}
    shop = await world_with_store.api.publishable("metrics:capture")
    answer = await segment(world_with_store, {"type": "track", "userId": "u1"}, headers=shop, sent_with=origin)
    assert answer.status_code in (200, 400), answer.text
    assert len(await items(world_with_store)) == 1
    for path in (PATH, f"{PATH}/summary"):
        assert (await world_with_store.send("GET", path, headers=shop | origin)).status_code == 403


async def test_a_body_that_is_no_batch_at_all_is_nobodys_message(world_with_store):
    answer = await world_with_store.send(
        "POST", "/v1/batch", content=b"{", headers={"Authorization": world_with_store.headers["Authorization"]}
    )
    assert answer.status_code == 400
    assert await items(world_with_store) == []


async def test_a_packed_batch_is_kept_unpacked(world_with_store):
    body = {"batch": [{"type": "track", "userId": "用户"}], "writeKey": key_of(world_with_store.headers)}
    packed = gzip.compress(json.dumps(body).encode())
    await world_with_store.send("POST", "/v1/batch", content=packed, headers={"Content-Encoding": "gzip"})
    [found] = await items(world_with_store)
    assert json.loads(found["raw"]) == {"type": "track", "userId": "用户"}


@pytest.mark.parametrize("message", [None, 5, "text", [], [[]], True])
async def test_what_is_no_message_is_kept_too(world_with_store, message):
    await segment(world_with_store, message, {"type": "track", "event": "E", "userId": "u1"})
    [found] = await items(world_with_store)
    assert (found["reason"], found["message_id"]) == ("not_an_object", None)
    assert json.loads(found["raw"] or "null") == message


async def test_the_same_refused_again_is_told_again(world_with_store):
    for _ in range(3):
        await segment(world_with_store, {"type": "track", "userId": "u1", "messageId": "m1"})
        world_with_store.api.clock.advance(1)
    assert len(await items(world_with_store, message_id="m1")) == 3


async def test_rows_of_a_file_are_no_requests_and_bounded_elsewhere(world):
    import_id = uuid4()
    rows = [(number, Problem(number, Reason.BAD_TIME, "when", {"row": number})) for number in range(1, 301)]
    async with world.api.db.transaction(Context("acme")) as session:
        await service.record_rows(session, rows, source="shop", vendor="import:csv", import_id=import_id)
        await service.record_rows(session, [], source="shop", vendor="import:csv", import_id=import_id)
        await service.record(session, [], source="shop", vendor="segment")
        found = (await session.scalars(service.of_import(session, import_id).order_by(*service.BY_ROW))).all()
        assert [each.row for each in found] == list(range(1, 301))
        assert (await session.scalars(service.of_import(session, uuid4()))).all() == []
    summary = await world.get(f"{PATH}/summary")
    assert (summary["counts"][0]["count"], summary["left_out"]) == (300, 0)


async def test_a_summary_of_a_time(world):
    for _ in range(3):
        async with world.api.db.transaction(Context("acme")) as session:
            await service.record(session, [Problem(0, Reason.BAD_ID, "who", {})], source="shop", vendor="segment")
        world.api.clock.advance(timedelta(hours=20))
    day = {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"}
    for params, expected in [({}, 1), (day, 1), ({"from": day["from"]}, 3), ({"to": day["to"]}, 1)]:
        counts = (await world.get(f"{PATH}/summary", **params))["counts"]
        assert sum(each["count"] for each in counts) == expected, params
