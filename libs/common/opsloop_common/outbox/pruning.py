"""Forget published events that nobody needs any more."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from opsloop_common.bus.port import UNKNOWN
from opsloop_common.direct import LockSession

RETENTION = timedelta(days=14)
WINDOW = 5_000

_PRUNE = (
    "DELETE FROM outbox WHERE id < (SELECT min(id) FROM outbox) + $1 "
    "AND published_at < clock_timestamp() - $3::interval AND (position IS NULL OR position <= $2)"
)
_SAVE_DELIVERED = (
    "INSERT INTO outbox_log (id, last_position, delivered_position) VALUES (1, $1, $1) ON CONFLICT (id) DO UPDATE "
    "SET delivered_position = excluded.delivered_position, "
    "last_position = greatest(outbox_log.last_position, excluded.last_position) "  # when all rows are gone, positions go on
    "WHERE outbox_log.delivered_position <> excluded.delivered_position"
)


async def prune(connection: asyncpg.Connection | LockSession, delivered: int | None) -> int:
    """Delete published rows older than 14 days among the first 5,000 ids; returns how many.

    `delivered` is the position that all local consumers have behind them: it is remembered, for a later change of bus, and
    nothing past it is deleted. None: there is no local consumer. UNKNOWN: nothing with a position is deleted.
    """
    if delivered is not None and delivered != UNKNOWN:
        await connection.execute(_SAVE_DELIVERED, delivered)
    limit = 2**62 if delivered is None else delivered
    status: str = await connection.execute(_PRUNE, WINDOW, limit, RETENTION)
    return int(status.rpartition(" ")[2])
