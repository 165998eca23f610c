"""Those who cannot receive wait for events: by a poll that is answered when there is one, and by a stream that loses nothing."""

import asyncio
import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import event, text

from opsloop_common import limits
from opsloop_common.db import Context
from opsloop_common.testing.events import deliver
from opsloop_common.testing.streams import Stream
from opsloop_notifications.eventlog import service as eventlog
from opsloop_notifications.eventlog.meters import EventWaiters
from opsloop_notifications.eventlog.rules import BUCKETS, wakeup
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.service import hear_events
from services.notifications.tests.test_eventlog import finish, pause

PATH = "/v1/events"
LONG = {"wait": "PT30S"}


class Log:
    """A workspace's log, and who reads it."""

    def __init__(self, service, key):
        self.service, self.key = service, key

    async def happen(self, *names, workspace="acme"):
        await deliver(self.service.db, WEBHOOKS, *(pause(name, workspace=workspace) for name in names))

    async def poll(self, key=None, **query):
        async with asyncio.timeout(10):
            answer = await self.service.client.get(PATH, params=query, headers=key or self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def now(self):
        return (await self.poll(start="now"))["next_cursor"]

    def wait(self, key=None, **query):
        return asyncio.create_task(self.poll(key, **LONG, **query))

    @property
    def waiters(self):
        return len(self.service.db.meters.of(EventWaiters))

    async def until_waiting(self, count):
        """Wait until so many wait, and have looked."""
        lasting = self.service.db.meters.of(EventWaiters)
        async with asyncio.timeout(10):
            while self.waiters < count or lasting._coming or lasting._turn._value < limits.EVENT_READS:  # noqa: ASYNC110 nobody is told
                await asyncio.sleep(0.005)

    def watch(self, query="", key=None, accept="text/event-stream", **headers):
        given = (key or self.key) | {"Accept": accept} | headers
        return Stream.of(self.service.app, f"{PATH}/stream", given, query=query)


@pytest.fixture
async def log(service):
    made = Log(service, await service.key("notifications:read"))
    await made.happen("one", "two")
    return made


def names(page):
    return [item["data"]["name"] for item in page["items"]]


def told(stream):
    return [json.loads(block["data"])["data"]["name"] for block in stream.blocks]


def last_id(stream):
    return re.findall(r"^id: (\S+)$", stream.text, re.MULTILINE)[-1]


async def test_what_is_there_is_answered_at_once_and_what_comes_when_it_comes(log):
    page = await log.poll(**LONG)
    waiting = log.wait(cursor=page["next_cursor"])
    await log.until_waiting(1)
    assert not waiting.done()
    await log.happen("three")

    assert names(page) == ["one", "two"]
    assert names(await waiting) == ["three"]
    assert names(await log.poll(cursor=(await waiting)["next_cursor"])) == []
    assert log.waiters == 0


async def test_when_the_time_is_over_there_is_nothing_and_the_same_cursor(log):
    cursor = await log.now()

    for query in ({"wait": "PT1S"}, {"wait": "PT0S"}, {}):
        page = await log.poll(cursor=cursor, **query)
        assert page == {"items": [], "next_cursor": cursor, "has_more": False}


async def test_what_was_not_asked_for_wakes_nobody_for_good_and_is_passed_by(log, clock):
    cursor = await log.now()
    waiting = log.wait(cursor=cursor, types="campaign.finished")
    await log.until_waiting(1)
    await log.happen("three", "four")
    await log.happen("another's", workspace="other")
    await log.until_waiting(1)
    assert not waiting.done()
    await deliver(log.service.db, WEBHOOKS, finish(clock))

    page = await waiting
    assert [item["type"] for item in page["items"]] == ["campaign.finished"]
    assert names(await log.poll(cursor=page["next_cursor"])) == []


async def test_hundreds_who_wait_hold_no_connection_and_one_read_serves_them(log):
    cursor = await log.now()
    waiting = [log.wait(cursor=cursor) for _ in range(200)]
    await log.until_waiting(200)
    assert log.service.db.engine.pool.checkedout() == 0
    engine, asked = log.service.db.engine.sync_engine, []

    def note(*given):
        asked.append(given[2])

    event.listen(engine, "before_cursor_execute", note)
    await log.happen("three")

    pages = await asyncio.gather(*waiting)
    event.remove(engine, "before_cursor_execute", note)
    assert [names(page) for page in pages] == [["three"]] * 200
    assert len([sql for sql in asked if "event_log_counter.last" in sql]) <= 3


async def test_both_ways_of_hearing_wake(log):
    for name, way in (("by the session", hear_events), ("at once", None)):
        waiting = log.wait(cursor=await log.now())
        await log.until_waiting(1)
        if way is None:
            await WEBHOOKS.quick_handler(log.service.db, [pause(name)])
        else:
            async with log.service.db.transaction(Context(workspace="acme")) as session:
                await way(session, [pause(name)])
        assert names(await waiting) == [name]


async def test_a_wake_up_that_was_lost_is_made_good(log, monkeypatch):
    cursor = await log.now()
    monkeypatch.setattr(limits, "STREAM_QUIET_SECONDS", 0.05)
    monkeypatch.setattr("opsloop_notifications.sending.service.wakeup", lambda workspace: "nobody")
    waiting = log.wait(cursor=cursor)
    async with log.watch("start=now") as stream:
        await log.until_waiting(2)
        await log.happen("three")
        await stream.until(lambda: told(stream) == ["three"], "found by the look that stands behind")

    assert names(await waiting) == ["three"]


async def test_it_ends_with_the_process_with_none(log):
    waiting = log.wait(cursor=await log.now())
    async with log.watch() as stream:
        await log.until_waiting(2)
        log.service.db.wakeups.stop()
        await stream.until(lambda: stream.is_over, "the end")

    assert (await waiting)["items"] == []


async def test_a_key_that_was_revoked_is_told_nothing_more(log):
    admin = await log.service.key()
    made = await log.service.client.post(
        "/v1/api-keys", json={"name": "r", "scopes": ["notifications:read"]}, headers=admin
    )
    revoked, query = {"Authorization": f"Bearer {made.json()['key']}"}, LONG | {"cursor": await log.now()}
    waiting = asyncio.create_task(log.service.client.get(PATH, params=query, headers=revoked))
    async with log.watch(key=revoked) as stream:
        await log.until_waiting(2)
        gone = await log.service.client.delete(f"/v1/api-keys/{made.json()['id']}", headers=admin)
        assert gone.status_code == 204
        await log.happen("a secret")
        await stream.until(lambda: stream.is_over, "the end")

    assert told(stream) == ["one", "two"]
    assert ((await waiting).status_code, "a secret" in (await waiting).text) == (401, False)


@pytest.mark.parametrize("bound", ["EVENT_WAITERS", "EVENT_WAITERS_PER_WORKSPACE", "EVENT_WAITERS_PER_CREDENTIAL"])
async def test_so_many_may_wait_and_who_asks_for_what_is_there_need_not(log, monkeypatch, bound):
    monkeypatch.setattr(limits, bound, 1)
    cursor = await log.now()
    waiting = log.wait(cursor=cursor)
    await log.until_waiting(1)

    refused = await log.service.client.get(PATH, params=LONG | {"cursor": cursor}, headers=log.key)
    async with log.watch() as stream:
        await stream.until(lambda: stream.is_over, "a refusal")
    assert (refused.status_code, refused.headers["retry-after"], stream.status) == (429, "10", 429)
    assert names(await log.poll(**LONG)) == ["one", "two"]
    other = await log.service.key(workspace="other" if "PER_WORKSPACE" in bound else "acme")
    if bound != "EVENT_WAITERS":
        second = log.wait(other, start="now")
        await log.until_waiting(2)
        await log.happen("three", workspace="other")
    await log.happen("three")
    assert names(await waiting) == ["three"]
    if bound != "EVENT_WAITERS":
        assert names(await second) == ["three"]


async def test_who_leaves_waits_no_longer(log):
    async with Stream.of(log.service.app, PATH, log.key, query=f"wait=PT30S&cursor={await log.now()}") as left:
        await log.until_waiting(1)

    assert (left.text, log.waiters) == ("", 0)


async def test_a_stream_tells_each_event_with_its_type_and_a_cursor(log, clock):
    async with log.watch() as stream:
        await stream.until(lambda: told(stream) == ["one", "two"], "what was there")
        await log.happen("three\r\n\n支付 \u2028")
        await stream.until(lambda: len(told(stream)) == 3, "what came")

    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert [block["event"] for block in stream.blocks] == ["campaign.paused"] * 3
    pages = [await log.poll(cursor=block["id"]) for block in stream.blocks]
    assert [names(page) for page in pages] == [["two", "three\r\n\n支付 \u2028"], ["three\r\n\n支付 \u2028"], []]
    page = await log.poll()
    assert [json.loads(block["data"]) for block in stream.blocks] == page["items"]


async def test_nothing_is_lost_between_two_streams(log):
    async with log.watch("start=now&types=campaign.*") as stream:
        await stream.until(lambda: "id: " in stream.text, "where it is, before anything came")
    await log.happen("three", "four")
    async with log.watch("start=now&types=campaign.*", **{"Last-Event-ID": last_id(stream)}) as again:
        await again.until(lambda: told(again) == ["three", "four"], "what was missed")
    async with log.watch("start=now", **{"Last-Event-ID": last_id(again)}) as third:
        await log.happen("five")
        await third.until(lambda: told(third) == ["five"], "what came since")


async def test_who_hears_of_nothing_goes_on_from_where_the_log_is(log, monkeypatch):
    monkeypatch.setattr(limits, "STREAM_QUIET_SECONDS", 0.02)
    async with log.watch("types=kpi.*") as stream:
        await stream.until(lambda: stream.text.count("id: ") >= 2, "a sign of life")

    assert stream.blocks == []
    assert names(await log.poll(cursor=last_id(stream))) == []


async def test_more_than_is_held_at_once_comes_whole_and_in_order(log, monkeypatch):
    monkeypatch.setattr(limits, "EVENT_STREAM_CHARACTERS", 3_000)
    sent = [f"{number} " + "x" * 1_000 for number in range(9)]
    await log.happen(*sent)

    async with log.watch("limit=4") as stream:
        await stream.until(lambda: len(told(stream)) == 11, "all of it")

    assert told(stream) == ["one", "two", *sent]


async def test_who_accepts_no_stream_gets_what_there_is_and_the_end(log):
    answer = await log.service.client.get(f"{PATH}/stream", params={"start": "newest", "limit": 1}, headers=log.key)

    assert answer.status_code == 200
    assert re.findall('"name":"([a-z]+)"', answer.text) == ["two"]


async def test_a_cursor_behind_the_log_is_gone_and_says_where_to_go_on(log):
    first = (await log.poll(limit=1))["next_cursor"]
    log.service.clock.advance(40 * 24 * 3600)
    async with log.service.db.transaction(Context(workspace="acme")) as session:
        found = await eventlog.lock_older(session, log.service.clock.now() - timedelta(days=30), limit=10)
        await eventlog.forget_through(session, found[-1])
    await log.happen("three")
    client = log.service.client

    answers = [
        await client.get(PATH, params=LONG | {"cursor": first}, headers=log.key),
        await client.get(f"{PATH}/stream", params={"cursor": first}, headers=log.key),
        await client.get(f"{PATH}/stream", headers=log.key | {"Last-Event-ID": first}),
    ]
    for answer in answers:
        assert answer.status_code == 410
        assert names(await log.poll(cursor=answer.json()["next_cursor"])) == ["three"]
    async with log.watch() as stream:
        await stream.until(lambda: told(stream) == ["three"], "without a cursor, what is kept")


async def test_doors(log):
    client, other = log.service.client, await log.service.key(workspace="other")
    cursor = await log.now()

    async def refused(path=PATH, key=None, header=None, **query):
        headers = (key or log.key) | ({"Last-Event-ID": header} if header else {})
        answer = await client.get(path, params=query, headers=headers)
        return answer.status_code, [error["pointer"] for error in answer.json().get("errors", ())]

    for wait in ("PT31S", "P1D", "30", "", "-PT1S", "PT1.5S"):
        assert await refused(wait=wait) == (422, ["/query/wait"]), wait
    stream = f"{PATH}/stream"
    assert await refused(stream, wait="PT1S") == (422, ["/query/wait"])
    assert await refused(stream, key=other, cursor=cursor) == (422, ["/query/cursor"])
    assert await refused(stream, key=other, header=cursor) == (422, ["/header/Last-Event-ID"])
    assert await refused(stream, header="made up") == (422, ["/header/Last-Event-ID"])
    assert await refused(stream, cursor=cursor, start="now") == (422, ["/query/start"])
    assert await refused(stream, types="message.requested") == (422, ["/query/types"])
    assert (await client.get(stream)).status_code == 401
    assert (await client.get(stream, headers=await log.service.key("notifications:write"))).status_code == 403


async def test_internal_events_of_earlier_releases_are_not_told(log):
    async with log.service.db.transaction(Context(workspace="acme")) as session:
        await session.execute(text("UPDATE event_log SET type = 'message.requested' WHERE position = 1"))

    async with log.watch() as stream:
        await stream.until(lambda: told(stream) == ["two"], "the other one")


def test_a_workspace_wakes_by_one_of_few_names():
    found = {wakeup(f"w{number}") for number in range(5_000)}

    assert len(found) == BUCKETS
    assert wakeup("acme") == wakeup("acme")
