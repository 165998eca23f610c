"""From a client's request to a stored event: durable when it is answered, once whatever is sent again, and of whom it is."""

import asyncio
import base64
import gzip
import json
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest

from opsloop_metrics.capture.rules import Link, Message, MessageKind, Outcome
from opsloop_metrics.recording.writer import Writer
from opsloop_metrics.store.engine import EngineFailed
from opsloop_metrics.store.port import StoreUnavailable
from services.metrics.tests.entries import batch, entries_of

STORED = "SELECT event, distinct_id, person, properties, time FROM opsloop.event ORDER BY time, event"


class Capture:
    def __init__(self, world, store):
        self.world, self.store = world, store
        self.key = world.headers["Authorization"].removeprefix("Bearer ")

    async def segment(self, *messages, expect=200, headers=None, **body):
        answer = await self.world.send(
            "POST", "/v1/batch", json={"batch": list(messages), "writeKey": self.key} | body, headers=headers or {}
        )
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def stored(self, sql=STORED):
        return (await self.store.query(sql)).rows


@pytest.fixture
def capture(world_with_store, store):
    return Capture(world_with_store, store)


def track(event="Signed Up", **fields):
    return {"type": "track", "event": event, "messageId": str(uuid4()), "userId": "u1"} | fields


async def test_what_is_answered_is_stored(capture):
    when = (capture.world.now - timedelta(days=3)).isoformat()

    answer = await capture.segment(track(properties={"plan": "pro", "名": "值"}, timestamp=when))

    assert answer == {"success": True}
    ((event, id, person, properties, time),) = await capture.stored()
    assert (event, id, json.loads(properties)) == ("Signed Up", "u1", {"plan": "pro", "名": "值"})
    assert time.startswith((capture.world.now - timedelta(days=3)).strftime("%Y-%m-%d %H:%M:%S"))
    assert person != "00000000-0000-0000-0000-000000000000"


async def test_a_message_sent_again_counts_once_at_once(capture):
    batch = [track(), track(), track("Paid")]
    for _ in range(5):
        await capture.segment(*batch)
    await asyncio.gather(*(capture.segment(*batch, track("Other", messageId="m")) for _ in range(10)))

    assert [row[0] for row in await capture.stored()].count("Other") == 1
    assert len(await capture.stored()) == 4


async def test_copies_in_one_batch_count_once_and_messages_without_an_id_each(capture):
    same = track()
    nameless = {name: value for name, value in track("Nameless").items() if name != "messageId"}
    await capture.segment(same, same, nameless, nameless)

    assert sorted(row[0] for row in await capture.stored()) == ["Nameless", "Nameless", "Signed Up"]


@pytest.mark.parametrize("where", ["basic", "bearer", "body", "query"])
async def test_the_key_stands_anywhere(capture, where):
    basic = base64.b64encode(f"{capture.key}:".encode()).decode()
    headers = {"basic": {"Authorization": f"Basic {basic}"}, "bearer": {"Authorization": f"Bearer {capture.key}"}}
    body = {"batch": [track()]} | ({"writeKey": capture.key} if where == "body" else {})
    path = f"/v1/batch?writeKey={capture.key}" if where == "query" else "/v1/batch"

    answer = await capture.world.send("POST", path, json=body, headers=headers.get(where, {}))

    assert answer.status_code == 200
    assert len(await capture.stored()) == 1


async def test_no_key_a_wrong_one_and_one_that_may_not_are_told_apart(capture):
    reader = await capture.world.api.key("metrics:read")
    for key, status in [("", 401), ("nobody's", 401), (reader["Authorization"].removeprefix("Bearer "), 403)]:
        answer = await capture.world.send("POST", "/v1/batch", json={"batch": [track()], "writeKey": key}, headers={})
        assert (answer.status_code, set(answer.json())) == (status, {"code", "message"})
    assert await capture.stored() == []


@pytest.mark.parametrize(
    "type", ["application/json", "text/plain", "text/plain; charset=UTF-8", "application/octet-stream", None]
)
async def test_gzip_is_told_by_its_first_bytes(capture, type):
    body = gzip.compress(json.dumps({"batch": [track()], "writeKey": capture.key}).encode())

    answer = await capture.world.send("POST", "/v1/b", content=body, headers={"Content-Type": type} if type else {})

    assert answer.status_code == 200
    assert len(await capture.stored()) == 1


async def test_one_bad_message_costs_only_itself(capture):
    answer = await capture.segment(track(), 7, {"type": "track", "userId": "u1"}, track(userId=None), track("Last"))

    assert [each["index"] for each in answer["rejected"]] == [1, 2, 3]
    assert {each["reason"] for each in answer["rejected"]} == {"not_an_object", "missing_event", "missing_id"}
    assert [row[0] for row in await capture.stored()] == ["Last", "Signed Up"]


async def test_anonymous_and_known_are_one_person(capture):
    await capture.segment(track("Before", userId=None, anonymousId="a1"))
    await capture.segment(
        {"type": "identify", "messageId": "i1", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "pro"}}
    )
    await capture.segment(track("After", anonymousId="a1"))

    rows = await capture.stored(
        "SELECT e.event, if(o.into = toUUID('00000000-0000-0000-0000-000000000000'), e.person, o.into) "
        "FROM opsloop.event e LEFT ANY JOIN (SELECT person, argMax(into, version) AS into FROM opsloop.person_override "
        "GROUP BY person) o ON e.person = o.person WHERE kind = 'track'"
    )
    assert len(rows) == 2
    assert len({person for _, person in rows}) == 1


async def test_posthogs_clients_are_told_of_each_uuid(capture):
    good, bad = str(uuid4()), str(uuid4())
    batch = [
        {"event": "a", "uuid": good, "distinct_id": "u1", "properties": {}, "timestamp": capture.world.now.isoformat()},
        {"event": "", "uuid": bad, "distinct_id": "u1", "properties": {}},
    ]
    answer = await capture.world.send(
        "POST", "/i/v1/analytics/events", json={"batch": batch}, headers={"Authorization": f"Bearer {capture.key}"}
    )

    assert answer.status_code == 200
    assert {uuid: each["result"] for uuid, each in answer.json()["results"].items()} == {good: "ok", bad: "drop"}


@pytest.mark.parametrize("path", ["/batch/", "/batch", "/e/", "/capture/", "/i/v0/e/"])
async def test_posthogs_paths(capture, path):
    event = {"event": "a", "uuid": str(uuid4()), "distinct_id": "u1", "properties": {"token": capture.key}}

    answer = await capture.world.send(
        "POST", path, json={"batch": [event], "api_key": capture.key} if "batch" in path else event, headers={}
    )

    assert (answer.status_code, answer.json()) == (200, {"status": 1})
    assert len(await capture.stored()) == 1


async def test_a_page_may_see_the_answer(capture):
    shop = await capture.world.api.publishable("metrics:capture")
    key = shop["Authorization"].removeprefix("Bearer ")
    asked = await capture.world.send(
        "OPTIONS",
        "/v1/t",
        headers={
            "Origin": "https://shop.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-odd",
        },
    )
    answer = await capture.world.send(
        "POST",
        "/v1/t",
        json=track(writeKey=key),
        headers={"Origin": "https://shop.example", "Content-Type": "text/plain"},
    )

    assert (asked.status_code, asked.headers["access-control-allow-headers"]) == (204, "content-type,x-odd")
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://shop.example")


async def test_after_a_crash_between_events_and_their_look_up_nothing_counts_twice(capture, store, monkeypatch):
    batch = [track(), track("Paid")]
    insert = store.insert

    async def without_look_up(table, *args, **options):
        if table != "opsloop.seen":
            await insert(table, *args, **options)

    monkeypatch.setattr(store, "insert", without_look_up)
    await capture.segment(*batch)
    monkeypatch.undo()
    assert await capture.stored("SELECT count() FROM opsloop.seen") == [[0]]
    # a new process
    from opsloop_metrics.recording.writer import Writer

    writer = Writer(capture.world.api.db, store)
    running = asyncio.create_task(writer.run())
    object.__setattr__(capture.world.api.runtime.ports, "sink", writer)
    await capture.segment(*batch)
    running.cancel()

    assert len(await capture.stored()) == 2


@pytest.fixture
async def writer(world_with_store, store):
    return Writer(world_with_store.api.db, store)


async def written(writer, *requests):
    """Return what became of requests that came while nobody wrote, so that they are one block."""
    takes = [asyncio.create_task(writer.take(entries)) for entries in requests]
    await asyncio.sleep(0)
    running = asyncio.create_task(writer.run())
    outcomes = await asyncio.gather(*takes, return_exceptions=True)
    assert not running.done(), "it goes on, without a pause"
    running.cancel()
    return [type(each) if isinstance(each, Exception) else Counter(each) for each in outcomes]


def refusing(store, *, named, cause):
    """Return an insert that fails where any row has a message of a name, as the engine does or as one that is away."""
    insert = store.insert

    async def failing(table, columns, rows, **options):
        if any(f"m{named}-" in str(row) for row in rows):
            raise StoreUnavailable("no") from cause
        await insert(table, columns, rows, **options)

    return failing


async def test_of_a_block_that_the_store_refuses_only_the_request_that_it_refuses_is_lost(writer, store, monkeypatch):
    requests = [await batch(number, size=5) for number in range(4)]
    monkeypatch.setattr(store, "insert", refusing(store, named=2, cause=EngineFailed("Code: 27. no")))

    found = await written(writer, *requests)

    assert found == [
        Counter({Outcome.STORED: 5}),
        Counter({Outcome.STORED: 5}),
        StoreUnavailable,
        Counter({Outcome.STORED: 5}),
    ]
    monkeypatch.undo()
    assert await written(writer, *requests) == [Counter({known: 5}) for known in (Outcome.KNOWN,) * 2] + [
        Counter({Outcome.STORED: 5}),
        Counter({Outcome.KNOWN: 5}),
    ]


async def test_a_store_that_is_away_is_asked_once_a_block(writer, store, monkeypatch):
    requests = [await batch(number, size=5) for number in range(4)]
    monkeypatch.setattr(store, "insert", refusing(store, named=2, cause=OSError()))

    assert await written(writer, *requests) == [StoreUnavailable] * 4
    monkeypatch.undo()
    assert await written(writer, *requests) == [Counter({Outcome.STORED: 5})] * 4


async def test_ids_that_could_not_be_noted_are_known_all_the_same(writer, store, monkeypatch):
    insert, given = store.insert, await batch(1, size=5)

    async def no_notes(table, columns, rows, **options):
        if table == "opsloop.seen":
            raise StoreUnavailable("no")
        await insert(table, columns, rows, **options)

    monkeypatch.setattr(store, "insert", no_notes)
    assert await written(writer, given) == [Counter({Outcome.STORED: 5})]
    monkeypatch.undo()

    assert await written(writer, given) == [Counter({Outcome.KNOWN: 5})]
    assert (await store.query("SELECT count() FROM opsloop.event")).rows == [[5]]


async def test_ids_that_are_being_noted_are_known_already_and_keep_no_block_waiting(writer, store, monkeypatch):
    insert, given, noted = store.insert, await batch(1, size=5), asyncio.Event()

    async def slow_notes(table, columns, rows, **options):
        if table == "opsloop.seen":
            await noted.wait()
        await insert(table, columns, rows, **options)

    monkeypatch.setattr(store, "insert", slow_notes)
    running = asyncio.create_task(writer.run())
    assert Counter(await writer.take(given)) == {Outcome.STORED: 5}
    assert (await store.query("SELECT count() FROM opsloop.seen")).rows == [[0]]
    assert Counter(await writer.take(given)) == {Outcome.KNOWN: 5}

    noted.set()
    await writer.noted()
    assert Counter(await writer.take(given)) == {Outcome.KNOWN: 5}
    assert (await store.query("SELECT count() FROM opsloop.seen")).rows == [[5]]
    running.cancel()


async def test_what_nobody_thought_of_in_the_middle_of_a_block_leaves_nobody_waiting(writer, store, monkeypatch):
    requests = [await batch(number, size=5) for number in range(3)]
    faults = iter([StoreUnavailable("no"), RuntimeError("nobody thought of it")])

    async def failing(entries):
        raise next(faults) from EngineFailed("Code: 27. no")

    monkeypatch.setattr(writer, "_write", failing)
    takes = [asyncio.create_task(writer.take(entries)) for entries in requests]
    await asyncio.sleep(0)

    with pytest.raises(RuntimeError):
        await writer.run()

    assert [type(each) for each in await asyncio.gather(*takes, return_exceptions=True)] == [StoreUnavailable] * 3


def identify(user, **traits):
    return Message(MessageKind.IDENTIFY, "$identify", user, is_identified=True, traits_set=traits)


def alias(user, previous, **fields):
    link = Link(previous, explicit=True)
    return Message(MessageKind.ALIAS, "$alias", user, f"{user}={previous}", is_identified=True, links=(link,), **fields)


def what_was_not_done(items):
    return [(each["reason"], each["vendor"], each["source"], each["message_id"], each["raw"]) for each in items]


async def test_why_two_people_did_not_become_one_stands_in_the_reject_log(writer, world_with_store):
    known = await entries_of(identify("u"), identify("v"))
    page = await entries_of(alias("v", "u"), identify("v", big="x" * 3_000), may_merge=False, vendor="posthog")

    assert await written(writer, known, page) == [Counter({Outcome.STORED: 2})] * 2

    too_large, refused = (await world_with_store.get("/v1/rejected-messages"))["items"]
    assert what_was_not_done([refused]) == [
        ("merge_refused", "posthog", "server", "v=u", '{"event":"$alias","distinct_id":"v","other_ids":["u"],"properties":{}}')
    ]  # fmt: skip
    assert (too_large["reason"], json.loads(too_large["raw"])["traits"]) == ("too_large", {"big": "x" * 3_000})
    assert [each["distinct_id"] for each in (await world_with_store.get("/v1/users/u/ids"))["items"]] == ["u"]


async def test_of_an_alias_with_who_was_erased_is_told_that_it_was_and_not_what_it_said(writer, world_with_store):
    await written(writer, await entries_of(identify("gone"), identify("u")))
    await world_with_store.send("DELETE", "/v1/users/gone")

    said = await entries_of(alias("u", "gone", properties={"of": "gone"}), vendor="segment")
    assert await written(writer, said) == [Counter({Outcome.STORED: 1})]

    found = what_was_not_done((await world_with_store.get("/v1/rejected-messages"))["items"])
    assert found == [("erased", "segment", "server", "u=gone", None)]


async def test_what_is_not_done_is_told_in_each_workspace_of_a_block_by_itself(writer, world_with_store):
    def pair(workspace, vendor):
        return [
            entries_of(identify("u"), identify("v"), workspace=workspace),
            entries_of(alias("v", "u"), alias("v", "u"), workspace=workspace, may_merge=False, vendor=vendor),
        ]

    requests = [await each for each in (*pair("acme", "umami"), *pair("other", "segment"))]
    await written(writer, *requests)

    [found] = (await world_with_store.get("/v1/rejected-messages/summary"))["counts"]
    assert (found["reason"], found["vendor"], found["count"]) == ("merge_refused", "umami", 1)
