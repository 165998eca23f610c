"""When one connection to a database is found dead, all of its age are in doubt: each proves itself before it is used again.

A connection that was not used for a second does so anyway: one round trip then, none on a busy one.
"""

from __future__ import annotations

import time
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from opsloop_common import limits

_ANSWERED_AT = "opsloop.answered_at"


class Doubt:
    """What one database's connections know of each other."""

    def __init__(self) -> None:
        self._since = 0.0

    def cast(self) -> None:
        """Doubt every connection that has not answered since now."""
        self._since = time.monotonic()

    def covers(self, answered_at: float) -> bool:
        """Say whether a connection that last answered then has to prove itself."""
        return answered_at <= self._since or time.monotonic() - answered_at > limits.DATABASE_QUIET_SECONDS


async def prove(driver: asyncpg.Connection) -> None:
    """Ask a connection for a sign of life; raises within a second when there is none."""
    await driver.execute("SELECT 1", timeout=limits.DATABASE_PROOF_SECONDS)


def watch(engine: AsyncEngine, doubt: Doubt) -> None:
    """Have the connections of an engine's pool prove themselves, and a dead one take all others with it."""

    @event.listens_for(engine.sync_engine, "checkin")
    def checkin(connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[_ANSWERED_AT] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def checkout(connection: Any, entry: ConnectionPoolEntry, _: object) -> None:
        answered_at = entry.info.get(_ANSWERED_AT)
        if answered_at is None or not doubt.covers(answered_at):
            return
        try:
            connection.run_async(prove)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            doubt.cast()
            raise InvalidatePoolError from error

    @event.listens_for(engine.sync_engine, "handle_error")
    def lost(context: ExceptionContext) -> None:
        # SQLAlchemy does not know a time-out for the end of a connection; ours is (`connections.Connection`)
        if isinstance(context.original_exception, TimeoutError) and context.connection is not None:
            context.is_disconnect = True
        if context.is_disconnect and isinstance(context.original_exception, Exception):
            doubt.cast()
