"""Wake what waits for new rows, after the commit that made them visible. A wake-up is a hint; a poll stands behind each.

Between processes of one service a wake-up is a NOTIFY on a connection of its own, sent after the commit: inside business
transactions it would serialise all commits of the cluster (measured: 1,650 transactions/s became 370-510).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from opsloop_common import direct, limits
from opsloop_common.supervision import LoopMeter, Pauses, supervised

if TYPE_CHECKING:
    from opsloop_common.db import Database

CHANNEL = "opsloop_wakeup"
NOTIFY_INTERVAL_SECONDS = 0.05  # the first at once, then at most 20 a second
PAUSES = Pauses(first=1.0, longest=1.0)

OUTBOX = "outbox"
DUE = "due"


class Wakeups:
    """Named wake-ups of one service in one process; `forward` carries them to its other processes when there are some."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self.forward: Callable[[str], None] | None = None
        self.takers: dict[str, Any] = {}
        """By queue: the loop in this process, if any, that takes work over from the transaction that makes it."""

    def fire(self, name: str) -> None:
        """Wake everybody who waits for `name`, here and (coalesced) in the service's other processes."""
        self.fire_here(name)
        if self.forward is not None:
            self.forward(name)

    def fire_here(self, name: str) -> None:
        """Wake everybody in this process who waits for `name`."""
        for waiting in self._waiting[name]:
            waiting.set()

    def subscribe(self, name: str) -> asyncio.Event:
        """Return an event that is set at each wake-up; its owner clears it before looking for rows."""
        waiting = asyncio.Event()
        self._waiting[name].add(waiting)
        return waiting

    def unsubscribe(self, name: str, waiting: asyncio.Event) -> None:
        """Forget an event from `subscribe`."""
        self._waiting[name].discard(waiting)


async def wait(waiting: asyncio.Event, timeout: float) -> bool:
    """Wait until `waiting` is set or `timeout` seconds have passed, and clear it; says whether it was set."""
    try:
        async with asyncio.timeout(timeout):
            return await waiting.wait()
    except TimeoutError:
        return False
    finally:
        waiting.clear()


@asynccontextmanager
async def across_processes(database: Database, direct_url: str | None = None, *, listen: bool) -> AsyncIterator[None]:
    """Send this process's wake-ups to the service's other processes for the length of the block, and, with `listen`, get theirs.

    A lost connection is opened anew; what was missed meanwhile is found by the polls.
    """
    pending: set[str] = set()
    wanted = asyncio.Event()

    def forward(name: str) -> None:
        pending.add(name)
        wanted.set()

    carry = partial(_carry, database, direct_url, pending, wanted, listen=listen)
    database.wakeups.forward = forward
    try:
        async with supervised(
            {f"{database.service} wake-ups": carry}, pauses=PAUSES, meter=database.meters.of(LoopMeter)
        ):
            yield
    finally:
        database.wakeups.forward = None


async def _carry(
    database: Database, direct_url: str | None, pending: set[str], wanted: asyncio.Event, *, listen: bool
) -> None:
    connection = await direct.connect(database, direct_url, purpose="wakeups")
    own = connection.get_server_pid()

    def heard(_: object, sender: int, __: str, name: object) -> None:
        if sender != own:
            database.wakeups.fire_here(str(name))

    def lost(_: object) -> None:
        wanted.set()

    try:
        connection.add_termination_listener(lost)
        if listen:
            await connection.add_listener(CHANNEL, heard)
        while not connection.is_closed():
            if not await wait(wanted, limits.LISTENER_PROOF_SECONDS):
                await connection.execute("SELECT 1")  # who only listens would never hear that the line is dead
            for name in sorted(pending):
                pending.discard(name)
                await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, name)
            await asyncio.sleep(NOTIFY_INTERVAL_SECONDS)
    finally:
        await direct.close(connection)
