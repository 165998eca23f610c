"""What many connections do a few at a time."""

import asyncio

import pytest

from opsloop_common import limits
from opsloop_common.front.flow import Flow, InTurn
from opsloop_common.testing.front import answer, connected, server


class Turns:
    """Counts the turns of a loop in which something was done."""

    def __init__(self):
        self.done = []

    async def until(self, count):
        turns = 0
        while len(self.done) < count:
            before = len(self.done)
            await asyncio.sleep(0)
            turns += len(self.done) > before
        return turns


async def test_a_few_a_turn_in_the_order_in_which_they_came():
    loop, turns, in_turn = asyncio.get_running_loop(), Turns(), InTurn(2)
    for number in range(7):
        in_turn.add(loop, lambda number=number: turns.done.append(number))

    assert await turns.until(7) == 4
    assert turns.done == list(range(7))


async def test_what_is_added_meanwhile_has_its_turn_and_what_fails_stops_nobody():
    loop, turns, in_turn, told = asyncio.get_running_loop(), Turns(), InTurn(1), []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def fails():
        in_turn.add(loop, lambda: turns.done.append("added"))
        raise ValueError

    in_turn.add(loop, fails)
    in_turn.add(loop, lambda: turns.done.append("next"))

    await turns.until(2)
    assert turns.done == ["next", "added"]
    assert [type(each) for each in told] == [ValueError]


class Transport:
    def __init__(self, *, is_closing=False):
        self.reads = []
        self.closing = is_closing

    def pause_reading(self):
        self.reads.append("pause")

    def resume_reading(self):
        self.reads.append("resume")

    def is_closing(self):
        return self.closing


@pytest.mark.parametrize(
    ("size", "closing", "expected"),
    [
        (limits.LARGE_READ_BYTES - 1, False, []),
        (limits.LARGE_READ_BYTES, False, ["pause", "resume"]),
        (limits.LARGE_READ_BYTES, True, ["pause"]),
    ],
)
async def test_who_sends_much_is_read_on_when_its_turn_comes(size, closing, expected):
    transport = Transport(is_closing=closing)
    Flow(transport).came(size, asyncio.get_running_loop(), InTurn(1))

    await asyncio.sleep(0)
    assert transport.reads == expected


async def test_who_may_not_be_read_yet_is_not_read_because_a_turn_came():
    transport, loop = Transport(), asyncio.get_running_loop()
    flow = Flow(transport)
    flow.came(limits.LARGE_READ_BYTES, loop, InTurn(1))
    flow.pause_reading()  # the application has enough for now
    flow.came(limits.LARGE_READ_BYTES, loop, InTurn(1))

    await asyncio.sleep(0)
    assert transport.reads == ["pause", "pause"]
    flow.resume_reading()
    assert transport.reads[-1] == "resume"


async def test_large_bodies_side_by_side_come_whole():
    size = 3 * 1024 * 1024
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size

    async def post(port):
        async with connected(port) as (reader, writer):
            writer.write(head + b"x" * size)
            return (await answer(reader))[::2]

    async with server() as (_, port):
        assert await asyncio.gather(*(post(port) for _ in range(8))) == [(200, b"POST / %d " % size)] * 8
