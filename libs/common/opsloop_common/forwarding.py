"""Wake-ups between the processes of one service: a NOTIFY on a connection of its own, sent after the commit.

Inside business transactions it would serialise all commits of the cluster (measured: 1,650 transactions/s became 370-510).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from opsloop_common import direct, limits
from opsloop_common.db import Database
from opsloop_common.supervision import LoopMeter, Pauses, supervised
from opsloop_common.wakeups import wait

CHANNEL = "opsloop_wakeup"
NOTIFY_INTERVAL_SECONDS = 0.05  # the first at once, then at most 20 a second
PAUSES = Pauses(first=1.0, longest=1.0)


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
