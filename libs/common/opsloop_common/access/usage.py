"""What publishable keys have added today, held to their quotas by the database: exact however many browsers add at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from opsloop_common.access.principal import Principal, Publishable
from opsloop_common.access.tables import key_usage
from opsloop_common.db import Database, clock_of
from opsloop_common.errors import TooManyRequests, Unavailable
from opsloop_common.limits import SPEND_SECONDS, SPENDS_AT_ONCE

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


@dataclass(frozen=True, slots=True)
class _Wish:
    rows: int
    bytes: int
    quota: Publishable
    granted: asyncio.Future[None]


class Spender:
    """Counts what publishable keys add: those that wait for one key's row are counted together, in one statement.

    Few keys are counted at once, so that browsers, however many, leave the pool to others: whoever waits holds no connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = asyncio.Semaphore(SPENDS_AT_ONCE)
        self._waiting: dict[str, list[_Wish]] = {}
        self._at_work: set[asyncio.Task[None]] = set()

    async def spend(self, who: Principal, *, rows: int, bytes: int) -> None:
        """Count what a publishable key is about to add; raises TooManyRequests (429) when a quota of the day (UTC) has no room.

        A statement of its own, before the work: what then fails stays counted, so that trying costs as much as adding. Raises
        Unavailable (503) when its turn does not come in time.
        """
        if who.publishable is None:
            return
        key_id = str(who.key_id)
        wish = _Wish(rows, bytes, who.publishable, asyncio.get_running_loop().create_future())
        if key_id in self._waiting:
            self._waiting[key_id].append(wish)
        else:
            self._waiting[key_id] = [wish]
            task = asyncio.create_task(self._serve(key_id))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
        try:
            async with asyncio.timeout(SPEND_SECONDS):
                await wish.granted
        except TimeoutError as error:
            raise Unavailable("Too much of this key is going on; try again.", headers={"Retry-After": "1"}) from error

    async def _serve(self, key_id: str) -> None:
        """Count for one key until nobody waits for it; in between, other keys have their turn."""
        while True:
            async with self._slots:
                wishes = self._next(key_id)
                if not wishes:
                    return
                try:
                    await self._count(key_id, wishes)
                except Exception as error:  # noqa: BLE001 - it is raised in each of the requests that wait for this
                    for wish in wishes:
                        _settle(wish, error)

    def _next(self, key_id: str) -> list[_Wish]:
        """Take all that wait under one quota, which may have been changed meanwhile; when there are none, the key is forgotten."""
        waiting = [wish for wish in self._waiting[key_id] if not wish.granted.done()]
        taken = [wish for wish in waiting if wish.quota == waiting[0].quota]
        if taken:
            self._waiting[key_id] = [wish for wish in waiting if wish.quota != waiting[0].quota]
        else:
            del self._waiting[key_id]
        return taken

    async def _count(self, key_id: str, wishes: list[_Wish]) -> None:
        now = self._database.clock.now().astimezone(UTC)
        async with self._database.autocommit() as connection:
            while wishes and not await _is_counted(connection, key_id, now.date(), wishes):
                wishes = await _fitting(connection, key_id, now, wishes)
        for wish in wishes:
            _settle(wish)


def _settle(wish: _Wish, error: Exception | None = None) -> None:
    if wish.granted.done():  # whoever asked has gone
        return
    if error is None:
        wish.granted.set_result(None)
    else:
        wish.granted.set_exception(error)


async def _is_counted(connection: AsyncConnection, key_id: str, day: date, wishes: list[_Wish]) -> bool:
    """Count all of some wishes or none."""
    quota = wishes[0].quota
    values = {
        "key_id": key_id,
        "day": day,
        "rows": sum(wish.rows for wish in wishes),
        "bytes": sum(wish.bytes for wish in wishes),
        "rows_per_day": quota.rows_per_day,
        "bytes_per_day": quota.bytes_per_day,
    }
    return (await connection.execute(_SPEND, values)).one_or_none() is not None


async def _fitting(connection: AsyncConnection, key_id: str, now: datetime, wishes: list[_Wish]) -> list[_Wish]:
    """Refuse the wishes for which no room is left, in their order, and return the others.

    Counts only grow, so that what does not fit now will not fit later this day; what fits is still to be counted.
    """
    query = select(key_usage.c.rows, key_usage.c.bytes)
    query = query.where(key_usage.c.key_id == key_id, key_usage.c.day == now.date())
    found = (await connection.execute(query)).one_or_none()
    rows, bytes = (found.rows, found.bytes) if found is not None else (0, 0)
    fitting = []
    for wish in wishes:
        if rows + wish.rows > wish.quota.rows_per_day:
            _settle(wish, _no_room("rows_per_day", wish.quota.rows_per_day, now))
        elif bytes + wish.bytes > wish.quota.bytes_per_day:
            _settle(wish, _no_room("bytes_per_day", wish.quota.bytes_per_day, now))
        else:
            rows, bytes = rows + wish.rows, bytes + wish.bytes
            fitting.append(wish)
    return fitting


def _no_room(name: str, limit: int, now: datetime) -> TooManyRequests:
    return TooManyRequests(
        f"This key has no room left in {name} ({limit}); it begins anew at midnight UTC.",
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
