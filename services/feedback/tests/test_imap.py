"""One look at a folder, at servers that behave badly in every way that a line of IMAP can."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_common.limits import IMAP_MAILS, MAIL_BYTES
from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_feedback.imap import rules
from opsloop_feedback.imap import service as imap
from opsloop_feedback.imap.rules import Failure, Place
from opsloop_feedback.imap.service import Failed, Fetcher, Target

POLICY = AddressPolicy("allowlist", parse_networks("127.0.0.0/8"))
GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"


class NoTls:
    """Stands in for TLS: the connection as it is."""

    def wrap_socket(self, connection: Any, server_hostname: str) -> Any:
        return connection


Answer = Callable[[bytes, bytes], bytes]
"""What is said to a command, by its tag and what follows that."""


def behaving(
    tag: bytes, command: bytes, *, mails: dict[int, bytes] | None = None, validity: int = 7, next_uid: int = 10
) -> bytes:
    """Answer as a server does that has some mails."""
    mails = mails if mails is not None else {}
    said = b""
    name = command.split()[0].upper()
    if name == b"CAPABILITY":
        said = b"* CAPABILITY IMAP4rev1\r\n"
    elif name in (b"SELECT", b"EXAMINE"):
        said = b"* 1 EXISTS\r\n* OK [UIDVALIDITY %d] x\r\n* OK [UIDNEXT %d] x\r\n" % (validity, next_uid)
    elif command.upper().startswith(b"UID SEARCH"):
        first, last = (int(each) for each in command.split()[-1].split(b":"))
        said = b"* SEARCH" + b"".join(b" %d" % uid for uid in mails if first <= uid <= last) + b"\r\n"
    elif command.upper().startswith(b"UID FETCH"):
        uid = int(command.split()[2])
        if b"SIZE" in command:
            said = b"* 1 FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, len(mails[uid]))
        else:
            said = b"* 1 FETCH (UID %d BODY[] {%d}\r\n" % (uid, len(mails[uid])) + mails[uid] + b")\r\n"
    return said + tag + b" OK done\r\n"


@asynccontextmanager
async def serving(answer: Answer, *, greeting: bytes = GREETING) -> AsyncIterator[Target]:
    conversations: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            writer.write(greeting)
            while line := await reader.readline():
                tag, _, command = line.strip().partition(b" ")
                writer.write(answer(tag, command))
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Target("127.0.0.1", server.sockets[0].getsockname()[1], True, "u", "p", "INBOX")
    if conversations:  # whoever looked has hung up: no connection outlives its test
        await asyncio.wait_for(asyncio.gather(*conversations), 20)


async def look(target: Target, known: Place | None = Place(7, 0), *, seconds: float = 30) -> imap.Look:
    with contextlib.closing(Fetcher(POLICY, trusted=NoTls(), seconds=seconds)) as fetcher:  # type: ignore[arg-type]
        return await fetcher.look(target, known)


async def failure_of(answer: Answer, *, greeting: bytes = GREETING, seconds: float = 30) -> Failure:
    async with serving(answer, greeting=greeting) as target:
        with pytest.raises(Failed) as failed:
            await look(target, seconds=seconds)
    return failed.value.failure


async def test_mails_after_a_place_are_brought_in_their_order() -> None:
    mails = {2: b"two", 5: b"five", 9: b"nine"}
    async with serving(lambda tag, command: behaving(tag, command, mails=mails)) as target:
        found = await look(target, Place(7, 2))

    assert [(each.uid, each.raw) for each in found.mails] == [(5, b"five"), (9, b"nine")]
    assert (found.place, found.has_more) == (Place(7, 9), False)


async def test_the_first_look_brings_nothing() -> None:
    async with serving(lambda tag, command: behaving(tag, command, mails={2: b"two"})) as target:
        found = await look(target, None)
    assert (found.mails, found.place) == ([], Place(7, 9))


async def test_other_numbers_begin_anew() -> None:
    async with serving(lambda tag, command: behaving(tag, command, mails={2: b"two"}, validity=8)) as target:
        found = await look(target, Place(7, 5))
    assert ([each.uid for each in found.mails], found.place) == ([2], Place(8, 9))


async def test_a_look_brings_some_mails_and_says_that_there_are_more() -> None:
    mails = dict.fromkeys(range(1, IMAP_MAILS + 3), b"x")
    async with serving(lambda tag, command: behaving(tag, command, mails=mails, next_uid=100)) as target:
        found = await look(target)
        rest = await look(target, found.place)

    assert (len(found.mails), found.place, found.has_more) == (IMAP_MAILS, Place(7, IMAP_MAILS), True)
    assert ([each.uid for each in rest.mails], rest.has_more) == ([21, 22], False)


async def test_a_mail_that_is_too_large_is_left_where_it_is() -> None:
    def answer(tag: bytes, command: bytes) -> bytes:
        if b"RFC822.SIZE" in command and b"FETCH 1 " in command:
            return b"* 1 FETCH (UID 1 RFC822.SIZE %d)\r\n%s OK done\r\n" % (MAIL_BYTES + 1, tag)
        return behaving(tag, command, mails={1: b"x", 2: b"two"})

    async with serving(answer) as target:
        found = await look(target)
        rest = await look(target, found.place)
    assert [(each.uid, each.raw) for each in found.mails] == [(1, None)]
    assert [(each.uid, each.raw) for each in rest.mails] == [(2, b"two")]


async def test_a_folder_of_a_million_gaps_is_asked_for_in_parts() -> None:
    asked = 0

    def answer(tag: bytes, command: bytes) -> bytes:
        nonlocal asked
        asked += b"SEARCH" in command.upper()
        return behaving(tag, command, mails={30_000: b"x"}, next_uid=30_001)

    async with serving(answer) as target:
        found = await look(target)
    assert ([each.uid for each in found.mails], asked) == ([30_000], 30)


def refusing(name: bytes, said: bytes) -> Answer:
    """Answer badly to one command, and well to others."""
    return lambda tag, command: said.replace(b"TAG", tag) if name in command.upper() else behaving(tag, command)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refusing(b"LOGIN", b"TAG NO no\r\n"), Failure.SIGN_IN),
        (refusing(b"EXAMINE", b"TAG NO no\r\n"), Failure.FOLDER),
        (refusing(b"EXAMINE", b"TAG OK no numbers\r\n"), Failure.PROTOCOL),
        (refusing(b"EXAMINE", b"* OK [UIDVALIDITY x] x\r\nTAG OK\r\n"), Failure.PROTOCOL),
        (refusing(b"SEARCH", b"* BYE gone\r\n"), Failure.PROTOCOL),
        (refusing(b"SEARCH", b"\xff\xfe\r\n"), Failure.PROTOCOL),
        (refusing(b"LOGIN", b"x" * 3_000_000 + b"\r\n"), Failure.PROTOCOL),
        (refusing(b"LOGIN", b"* OK endless\r\n" * 400_000), Failure.PROTOCOL),
        (refusing(b"LOGIN", b"* 1 FETCH (BODY[] {999999999}\r\n"), Failure.PROTOCOL),
        (refusing(b"LOGIN", b"* 1 FETCH (BODY[] {999999999999999999999}\r\n"), Failure.PROTOCOL),
        (refusing(b"LOGIN", b"\0\0\0\r\n"), Failure.PROTOCOL),
    ],
)
async def test_servers_that_misbehave(answer: Answer, failure: Failure) -> None:
    assert await failure_of(answer) is failure


@pytest.mark.parametrize(
    "greeting", [b"* BYE no\r\n", b"220 smtp\r\n", b"\xff" * 100 + b"\r\n", b"* OK\r\n" + b"\0" * 10]
)
async def test_greetings_that_are_none(greeting: bytes) -> None:
    assert await failure_of(lambda tag, command: b"", greeting=greeting, seconds=3) in (
        Failure.PROTOCOL,
        Failure.TIMEOUT,
    )


def ended(before: int, deadline: float) -> None:
    """Wait until no more threads run than before, and the one that waits."""
    while threading.active_count() > before + 1 and time.monotonic() < deadline:
        time.sleep(0.05)  # between two looks


async def test_a_server_that_says_nothing_has_its_time_and_its_thread_ends() -> None:
    before = threading.active_count()
    assert await failure_of(lambda tag, command: b"", greeting=b"", seconds=0.5) is Failure.TIMEOUT
    deadline = time.monotonic() + 20
    await asyncio.to_thread(ended, before, deadline)
    assert threading.active_count() <= before + 1


async def test_what_may_not_be_called_is_not() -> None:
    with pytest.raises(Failed) as failed:
        await look(Target("169.254.169.254", 993, True, "u", "p", "INBOX"))
    assert failed.value.failure is Failure.BLOCKED_TARGET


async def test_nobody_there() -> None:
    async with serving(behaving) as target:
        pass
    with pytest.raises(Failed) as failed:
        await look(target)
    assert failed.value.failure is Failure.CONNECTION


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_windows_cover_each_number_once(uid: int, next_uid: int) -> None:
    covered = [number for first, last in rules.windows(Place(1, uid), next_uid) for number in range(first, last + 1)]
    assert covered == list(range(uid + 1, next_uid))


@settings(deadline=None)
@given(st.lists(st.integers(-5, 50)), st.integers(1, 20), st.integers(1, 40))
def test_only_what_was_asked_for_is_new(found: list[int], first: int, last: int) -> None:
    assert rules.new_uids(found, first, last) == sorted({uid for uid in found if first <= uid <= last})


def test_who_fails_rests_longer_each_time() -> None:
    rests = [rules.again_in(failures) for failures in range(1, 20)]
    assert rests[:3] == [timedelta(minutes=2), timedelta(minutes=4), timedelta(minutes=8)]
    assert rests == sorted(rests)
    assert rests[-1] == rules.AGAIN_MOST
