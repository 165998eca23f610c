"""Answers that go on: how many there may be, who shares a read, and when a stream says what."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request

from opsloop_common import limits
from opsloop_common.errors import TooManyRequests
from opsloop_common.http.lasting import EventStream, Lasting, Told, Watched, accepts_stream, waiting
from opsloop_common.testing.streams import Stream
from opsloop_common.wakeups import Wakeups


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def lasting(registry):
    return Lasting(registry, "opsloop_lasting", "Answers that go on", reads=1)


def test_places_are_counted_and_given_back(lasting, registry):
    def place(workspace, who):
        return lasting.place(3, [(workspace, 2), ((workspace, who), 1)])

    with place("acme", "a"), place("acme", "b"):
        with pytest.raises(TooManyRequests), place("acme", "c"):
            pass
        with place("other", "a"):
            assert (len(lasting), registry.get_sample_value("opsloop_lasting")) == (3, 3.0)
            with pytest.raises(TooManyRequests) as refused, place("third", "a"):
                pass
        with pytest.raises(TooManyRequests), place("acme", "a"):
            pass
        with place("other", "a"):
            pass

    assert refused.value.headers == {"Retry-After": "10"}
    assert (len(lasting), lasting._open) == (0, {})


def test_a_place_comes_back_from_whoever_fails(lasting):
    with pytest.raises(RuntimeError), lasting.place(1, [("acme", 1)]):
        raise RuntimeError
    with lasting.place(1, [("acme", 1)]):
        assert len(lasting) == 1


class Source:
    """What is read, as often as it is asked for, and no sooner than it may."""

    def __init__(self):
        self.reads, self.may = 0, asyncio.Event()
        self.begun = asyncio.Event()

    async def __call__(self):
        self.reads += 1
        found = self.reads
        self.begun.set()
        await self.may.wait()
        return found


async def test_who_asks_for_the_same_before_its_turn_shares_it(lasting):
    source = Source()
    first = asyncio.create_task(lasting.read("a", source))
    await source.begun.wait()
    # the first is under way and may not see what woke these
    others = [asyncio.create_task(lasting.read("a", source)) for _ in range(50)]
    another = asyncio.create_task(lasting.read("b", source))
    await asyncio.sleep(0)
    others.pop().cancel()
    source.may.set()

    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 49
    assert await another == 3
    assert lasting._coming == {}


async def test_what_fails_fails_for_all_who_shared_it_and_for_nobody_later(lasting):
    async def broken():
        raise OSError("away")

    found = await asyncio.gather(*(lasting.read("a", broken) for _ in range(3)), return_exceptions=True)
    source = Source()
    source.may.set()

    assert [str(error) for error in found] == ["away"] * 3
    assert await lasting.read("a", source) == 1


async def test_who_waits_hears_of_more_of_leaving_and_of_the_end():
    wakeups, stream = Wakeups(), Stream()

    async with waiting(wakeups, "x", stream.receive) as waiter:
        wakeups.fire("x")
        assert await waiter.for_more(10)
        assert not await waiter.for_more(0)
        assert (waiter.has_left, waiter.is_over) == (False, False)
        stream.left.set()
        assert await waiter.for_more(10)
        assert (waiter.has_left, waiter.is_over) == (True, True)
    async with waiting(wakeups, "x", Stream().receive) as waiter:
        wakeups.stop()
        assert await waiter.for_more(10)
        assert (waiter.has_left, waiter.is_over) == (False, True)
    assert not wakeups._waiting["x"]


class Numbers:
    """A source of a stream: numbers up to one that grows."""

    def __init__(self, lasting):
        self.wakeups, self.lasting, self.last, self.may_go_on = Wakeups(), lasting, 2, True

    async def since(self, place):
        found = range(place + 1, min(place + 2, self.last) + 1)
        piece = "".join(f"id: {number}\nevent: number\ndata: {number}\n\n" for number in found)
        return Told(piece.encode(), place + len(found), is_all=place + len(found) == self.last)

    async def may(self):
        return self.may_go_on

    def tell(self, last):
        self.last = last
        self.wakeups.fire("numbers")

    def watch(self, place=0, *, is_live=True):
        watched = Watched(place, is_live, self.since, self.may, lambda at: f": at {at}\n\n".encode())
        answer = EventStream(self.wakeups, "numbers", watched, lasting=self.lasting, most=2, bounds=[("acme", 1)])
        return Stream.of(answer, "/", {})


@pytest.fixture
def numbers(lasting):
    return Numbers(lasting)


def told(stream):
    return [int(block["data"]) for block in stream.blocks]


async def test_a_stream_tells_all_in_order_and_what_comes(numbers):
    numbers.last = 5
    async with numbers.watch() as stream:
        await stream.until(lambda: told(stream) == [1, 2, 3, 4, 5], "what was there")
        numbers.tell(7)
        await stream.until(lambda: told(stream)[-1] == 7, "what came")

    assert stream.text.startswith("retry: 2000\n\n: at 0\n\n")
    assert (stream.status, stream.headers["cache-control"]) == (200, "no-store")
    assert len(numbers.lasting) == 0


async def test_a_stream_ends_for_who_may_not_or_does_not_wait(numbers):
    async with numbers.watch(is_live=False) as once:
        await once.until(lambda: once.is_over, "the end of what was there")
    async with numbers.watch() as stream:
        await stream.until(lambda: told(stream), "what was there")
        numbers.may_go_on = False
        numbers.tell(3)
        await stream.until(lambda: stream.is_over, "the end")

    assert (told(once), told(stream)) == ([1, 2], [1, 2])


async def test_a_stream_gives_signs_of_life_and_ends_after_a_while(numbers, monkeypatch):
    monkeypatch.setattr(limits, "STREAM_QUIET_SECONDS", 0.01)
    async with numbers.watch() as stream:
        await stream.until(lambda: stream.text.endswith(": at 2\n\n: at 2\n\n"), "two signs")
        numbers.last = 3  # and no wake-up
        await stream.until(lambda: told(stream)[-1] == 3, "what no wake-up told of")
    monkeypatch.setattr(limits, "STREAM_SECONDS", 0.0)
    numbers.last = 100
    async with numbers.watch() as short:
        await short.until(lambda: short.is_over, "the end, though there is more")

    assert told(short) == [1, 2]


async def test_a_stream_ends_where_the_database_is_away(numbers):
    async def away(place):
        raise OSError(place)

    numbers.since = away
    async with numbers.watch() as stream:
        await stream.until(lambda: stream.is_over, "the end")

    assert (stream.status, told(stream)) == (200, [])


async def test_so_many_streams_and_no_more(numbers):
    async with numbers.watch() as stream:
        await stream.until(lambda: told(stream), "what was there")
        with pytest.raises(TooManyRequests):
            async with numbers.watch():
                pass


@pytest.mark.parametrize(
    ("accept", "does"),
    [
        (None, True),
        ("*/*", True),
        ("text/event-stream", True),
        ("application/json, text/event-stream;q=0.5", True),
        ("TEXT/*", True),
        ("application/json", False),
        ("", False),
    ],
)
def test_who_takes_anything_takes_a_stream(accept, does):
    headers = [] if accept is None else [(b"accept", accept.encode())]

    assert accepts_stream(Request({"type": "http", "headers": headers})) is does
