"""Somebody watches an inbox: all that changes is told, in order, also after a pause, until reader, process or credential end."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from opsloop_common import limits
from opsloop_common.testing.streams import Stream
from opsloop_notifications.in_app import rules
from opsloop_notifications.in_app.meters import Streams

PATH = "/v1/recipients/u1/inbox"


class InboxStream(Stream):
    """What somebody sees of an inbox."""

    @property
    def events(self):
        return [(block["event"], int(block["id"]), json.loads(block["data"])) for block in self.blocks]

    @property
    def entries(self):
        return [(place, data["title"], data["status"]) for kind, place, data in self.events if kind == "entry"]

    @property
    def counts(self):
        found = [(data["unseen"], data["unread"]) for kind, _, data in self.events if kind == "counts"]
        return found[-1] if found else None

    @property
    def last(self):
        return self.events[-1][1]


@pytest.fixture
async def inbox(service):
    key = await service.key()

    class Inbox:
        headers = key

        async def tell(self, *titles, user="u1"):
            for title in titles:
                contents = [{"locale": "en", "inbox": {"title": title, "body": "b"}}]
                body = {"user_ids": [user], "channels": ["inbox"], "contents": contents}
                assert (await service.client.post("/v1/messages", json=body, headers=key)).status_code == 201

        async def mark(self, mark):
            answer = await service.client.post(f"{PATH}/mark", json={"mark": mark}, headers=key)
            assert answer.status_code == 200

        @asynccontextmanager
        async def watch(self, after=None, headers=None, accept="text/event-stream"):
            given = (headers or key) | {"Accept": accept} | ({} if after is None else {"Last-Event-ID": str(after)})
            async with InboxStream.of(service.app, f"{PATH}/stream", given) as stream:
                yield stream

    made = Inbox()
    await made.tell("one", "two")
    return made


def streams(service) -> Streams:
    return service.db.meters.of(Streams)


async def test_what_comes_and_what_changes_is_told(inbox, service):
    async with inbox.watch() as stream:
        await stream.until(lambda: stream.counts == (2, 2), "the counts at the start")
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert stream.entries == []
        await inbox.tell("three")
        await stream.until(lambda: stream.counts == (3, 3), "a new entry")
        await inbox.mark("read")
        await stream.until(lambda: stream.counts == (0, 0), "all read")

    assert stream.entries == [
        (3, "three", "unseen"),
        (4, "one", "read"),
        (5, "two", "read"),
        (6, "three", "read"),
    ]
    assert stream.is_over
    assert len(streams(service)) == 0


async def test_nothing_is_lost_between_two_streams(inbox):
    async with inbox.watch() as stream:
        await stream.until(lambda: stream.counts, "the counts")
    await inbox.tell("three", "four")
    async with inbox.watch(after=stream.last) as again:
        await again.until(lambda: again.counts, "what was missed")
    async with inbox.watch(after=again.last) as third:
        await inbox.tell("five")
        await third.until(lambda: third.counts, "what came since")

    assert again.entries == [(3, "three", "unseen"), (4, "four", "unseen")]
    assert again.counts == (4, 4)
    assert (third.entries, third.counts) == ([(5, "five", "unseen")], (5, 5))


async def test_more_than_is_read_at_once_comes_whole_and_in_order(inbox, monkeypatch):
    monkeypatch.setattr(limits, "INBOX_CHANGES", 3)
    await inbox.tell(*(f"n{number}" for number in range(8)))

    async with inbox.watch(after=0) as stream:
        await stream.until(lambda: stream.counts, "all of it")

    assert [place for place, _, _ in stream.entries] == list(range(1, 11))
    assert [kind for kind, _, _ in stream.events].count("counts") == 1


@pytest.mark.parametrize("after", ["99", "not one of ours", "-1", "9" * 90])
async def test_a_place_that_is_not_in_this_inbox_means_to_read_again(inbox, after):
    async with inbox.watch(after=after) as stream:
        await stream.until(lambda: stream.counts, "the counts")

    assert [kind for kind, _, _ in stream.events] == ["reset", "counts"]
    assert stream.last == 2


async def test_who_accepts_no_stream_gets_what_there_is_and_the_end(inbox, service):
    answer = await service.client.get(f"{PATH}/stream", headers=inbox.headers | {"Last-Event-ID": "1"})

    assert answer.status_code == 200
    assert [line for line in answer.text.splitlines() if line.startswith("event")] == ["event: entry", "event: counts"]


async def test_a_wake_up_that_was_lost_is_made_good(inbox, monkeypatch):
    monkeypatch.setattr(limits, "STREAM_QUIET_SECONDS", 0.05)
    monkeypatch.setattr(rules, "wakeup", lambda workspace, user_id: f"{workspace}/{user_id}/{len(asyncio.all_tasks())}")

    async with inbox.watch() as stream:
        await stream.until(lambda: stream.counts == (2, 2), "the counts")
        await inbox.tell("three")
        await stream.until(lambda: stream.counts == (3, 3), "found by the look that stands behind")
        await stream.until(lambda: stream.text.endswith(": \n\n"), "a sign of life")


async def test_it_ends_with_the_process(inbox, service):
    async with inbox.watch() as stream:
        await stream.until(lambda: stream.counts, "the counts")
        service.db.wakeups.stop()
        await stream.until(lambda: stream.is_over, "the end")


async def test_it_ends_after_a_while(inbox, monkeypatch):
    monkeypatch.setattr(limits, "STREAM_SECONDS", 0.0)

    async with inbox.watch() as stream:
        await stream.until(lambda: stream.is_over, "the end")

    assert stream.counts == (2, 2)


async def test_a_person_watches_their_own_until_their_token_ends(inbox, service):
    user, other = await service.user("u1"), await service.user("u2")

    async with inbox.watch(headers=other) as refused:
        await refused.until(lambda: refused.is_over, "a refusal")
    async with inbox.watch(headers=user) as stream:
        await stream.until(lambda: stream.counts, "the counts")
        service.clock.advance(3600)
        await inbox.tell("too late")
        await stream.until(lambda: stream.is_over, "the end")

    assert refused.status == 404
    assert stream.entries == []


async def test_a_key_that_was_revoked_is_told_nothing_more(inbox, service):
    admin = await service.key()
    made = await service.client.post(
        "/v1/api-keys", json={"name": "r", "scopes": ["notifications:read"]}, headers=admin
    )
    async with inbox.watch(headers={"Authorization": f"Bearer {made.json()['key']}"}) as stream:
        await stream.until(lambda: stream.counts, "the counts")
        gone = await service.client.delete(f"/v1/api-keys/{made.json()['id']}", headers=admin)
        assert gone.status_code == 204
        await inbox.tell("a secret")
        await stream.until(lambda: stream.is_over, "the end")

    assert stream.entries == []


async def test_so_many_windows_of_a_person_and_so_many_of_a_process(inbox, monkeypatch):
    monkeypatch.setattr(limits, "INBOX_STREAMS_PER_PERSON", 1)

    async with inbox.watch() as first:
        await first.until(lambda: first.counts, "the counts")
        async with inbox.watch() as second:
            await second.until(lambda: second.is_over, "a refusal")
    async with inbox.watch() as third:
        await third.until(lambda: third.counts, "a place was given back")

    assert (second.status, second.headers["retry-after"]) == (429, "10")
    assert json.loads(second.text)["type"].endswith("too_many_requests")
    assert third.status == 200


async def test_each_is_told_of_their_own(inbox):
    async with inbox.watch() as stream:
        await stream.until(lambda: stream.counts, "the counts")
        await inbox.tell("for another", user="u2")
        await inbox.tell("three")
        await stream.until(lambda: stream.counts == (3, 3), "their own")

    assert [title for _, title, _ in stream.entries] == ["three"]
