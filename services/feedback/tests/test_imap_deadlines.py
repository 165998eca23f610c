"""A look that is out of time ends whatever it holds, and says nothing of what a server said or of a password."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsloop_common.outbound.rules import AddressPolicy, parse_networks
from opsloop_feedback.imap import rules
from opsloop_feedback.imap import service as imap
from opsloop_feedback.imap.rules import Failure, Place
from opsloop_feedback.imap.service import Failed, Fetcher
from services.feedback.tests.test_imap import POLICY, NoTls, behaving, failure_of, look, refusing, serving


class LateTls(NoTls):
    """A handshake that takes longer than the look may."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.made: list[socket.socket] = []

    def wrap_socket(self, connection: Any, server_hostname: str) -> Any:
        self.may_go_on.wait(20)
        self.made.append(connection)
        return connection


def closed(sockets: list[socket.socket], deadline: float) -> bool:
    """Wait until there is a connection, and it is closed."""
    while time.monotonic() < deadline:
        if sockets and sockets[0].fileno() == -1:
            return True
        time.sleep(0.02)  # between two looks
    return False


async def test_a_connection_that_is_made_after_the_time_is_not_gone_on_with() -> None:
    commands: list[bytes] = []

    def answer(tag: bytes, command: bytes) -> bytes:
        commands.append(command)
        return behaving(tag, command)

    late = LateTls()
    async with serving(answer) as target:
        with contextlib.closing(Fetcher(POLICY, trusted=late, seconds=0.2)) as fetcher:  # type: ignore[arg-type]
            with pytest.raises(Failed) as failed:
                await fetcher.look(target, Place(7, 0))
            late.may_go_on.set()
            assert await asyncio.to_thread(closed, late.made, time.monotonic() + 20)
    assert failed.value.failure is Failure.TIMEOUT
    assert commands == []


def test_connections_of_a_look_that_is_over_are_closed_at_once() -> None:
    connections, (one, other) = imap._Connections(), socket.socketpair()
    connections.add(one)
    connections.end()
    with pytest.raises(Failed) as failed:
        connections.add(other)
    connections.end()

    assert failed.value.failure is Failure.TIMEOUT
    assert (one.fileno(), other.fileno()) == (-1, -1)


@pytest.mark.parametrize("name", [b"CAPABILITY", b"LOGIN", b"EXAMINE", b"SEARCH"])
async def test_a_server_that_falls_silent_anywhere_has_its_time(name: bytes) -> None:
    assert await failure_of(refusing(name, b""), seconds=0.5) is Failure.TIMEOUT


async def test_what_failed_names_neither_password_nor_answer() -> None:
    async with serving(refusing(b"LOGIN", b"TAG NO secret words\r\n")) as target:
        with pytest.raises(Failed) as failed:
            await look(replace(target, password="geheim"))
    assert str(failed.value) == "sign_in"


@pytest.mark.parametrize("folder", ['a"b', "a\\b", "\u6536\u4ef6\u7bb1", "x" * 200])
async def test_a_folder_stays_one_word_whatever_it_is_called(folder: str) -> None:
    commands: list[bytes] = []

    def answer(tag: bytes, command: bytes) -> bytes:
        commands.append(command)
        return behaving(tag, command)

    async with serving(answer) as target:
        with contextlib.suppress(Failed):  # where a name cannot be said
            await look(replace(target, folder=folder))
    asked = [each for each in commands if each.startswith(b"EXAMINE")]
    assert all(each.startswith(b'EXAMINE "') and each.endswith(b'"') for each in asked)
    assert len(asked) <= 1


@pytest.mark.parametrize("said", [b"* SEARCH 99999 0 3\r\nTAG OK done\r\n", b"* SEARCH 3 3 3\r\nTAG OK done\r\n"])
async def test_numbers_that_nobody_asked_for_bring_nothing(said: bytes) -> None:
    def answer(tag: bytes, command: bytes) -> bytes:
        if b"SEARCH" in command:
            return said.replace(b"TAG", tag)
        return behaving(tag, command, mails={3: b"three"})

    async with serving(answer) as target:
        found = await look(target)
    assert [(each.uid, each.raw) for each in found.mails] == [(3, b"three")]


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 300, "\ud800"])
async def test_names_that_lead_nowhere(host: str) -> None:
    async with serving(behaving) as target:
        with pytest.raises(Failed) as failed:
            await look(replace(target, host=host))
    assert failed.value.failure is Failure.DNS


async def test_a_name_that_leads_inside_is_not_called() -> None:
    policy = AddressPolicy("allowlist", parse_networks("192.0.2.0/24"))
    async with serving(behaving) as target:
        with contextlib.closing(Fetcher(policy, seconds=5)) as fetcher, pytest.raises(Failed) as failed:
            await fetcher.look(replace(target, host="localhost"), None)
    assert failed.value.failure is Failure.BLOCKED_TARGET


@settings(deadline=None)
@given(st.none() | st.builds(Place, st.integers(1, 5), st.integers(0, 100)), st.integers(1, 5), st.integers(0, 100))
def test_a_folder_is_begun_where_it_was_left_or_anew(known: Place | None, validity: int, next_uid: int) -> None:
    place = rules.begin_at(known, validity=validity, next_uid=next_uid)
    assert place.validity == validity
    assert place.uid >= 0
    if known is not None and known.validity == validity:
        assert place == known
