"""What publishable keys have added today, held to their quotas by the database: exact however many browsers add at once."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access.principal import Principal
from opsloop_common.access.tables import key_usage
from opsloop_common.db import Database, clock_of
from opsloop_common.errors import TooManyRequests

KEPT = timedelta(days=30)

# one statement, of which a second one waits for the first's row: no two see the same count
_SPEND = text(
    "INSERT INTO key_usage (key_id, day, rows, bytes) "
    "SELECT :key_id, :day, one.rows, one.bytes FROM (SELECT CAST(:rows AS bigint) AS rows, CAST(:bytes AS bigint) AS bytes) AS one "
    "WHERE one.rows <= :rows_per_day AND one.bytes <= :bytes_per_day "
    "ON CONFLICT (key_id, day) DO UPDATE SET rows = key_usage.rows + excluded.rows, bytes = key_usage.bytes + excluded.bytes "
    "WHERE key_usage.rows + excluded.rows <= :rows_per_day AND key_usage.bytes + excluded.bytes <= :bytes_per_day "
    "RETURNING rows"
)


async def spend(database: Database, who: Principal, *, rows: int, bytes: int) -> None:
    """Count what a publishable key is about to add; raises TooManyRequests (429) when a quota of the day (UTC) has no room.

    A statement of its own, before the work: what then fails stays counted, so that trying costs as much as adding.
    """
    quota = who.publishable
    if quota is None:
        return
    now = database.clock.now().astimezone(UTC)
    values = {"key_id": who.key_id, "day": now.date(), "rows": rows, "bytes": bytes}
    limits = {"rows_per_day": quota.rows_per_day, "bytes_per_day": quota.bytes_per_day}
    async with database.autocommit() as connection:
        if (await connection.execute(_SPEND, values | limits)).one_or_none() is not None:
            return
        spent = select(key_usage.c.rows).where(key_usage.c.key_id == who.key_id, key_usage.c.day == now.date())
        rows_spent = (await connection.execute(spent)).scalar_one_or_none() or 0
    name = "rows_per_day" if rows_spent + rows > quota.rows_per_day else "bytes_per_day"
    raise TooManyRequests(
        f"This key has no room left in {name} ({limits[name]}); it begins anew at midnight UTC.",
        extra={"quota": name},
        headers={"Retry-After": str(_seconds_until_midnight(now))},
    )


def _seconds_until_midnight(now: datetime) -> int:
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return max(1, -int((now - midnight) // timedelta(seconds=1)))


async def prune(session: AsyncSession, *, limit: int) -> int:
    """Delete up to `limit` counts older than 30 days; returns how many."""
    key = tuple_(key_usage.c.key_id, key_usage.c.day)
    old = select(key_usage.c.key_id, key_usage.c.day).where(key_usage.c.day < (clock_of(session).now() - KEPT).date())
    gone = await session.execute(delete(key_usage).where(key.in_(old.limit(limit))).returning(key_usage.c.day))
    return len(gone.all())
