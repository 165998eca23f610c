"""What the operator's machinery asks: alive, ready, how much."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from asyncpg import exceptions as pg
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opsloop_common import limits
from opsloop_common.http.exposition import metrics_routes
from opsloop_common.lanes import Statement
from opsloop_common.service import Check, Runtime

Readiness = tuple[str, list[Check]]

# a post must reach the write-ahead log, so a check does; what it says there nobody reads
_WRITTEN = Statement("SELECT pg_logical_emit_message(true, 'opsloop', 'ready')")
# 24 pages of a temporary file, 0.3 ms: on a full disk it fails as a table's next page does, and it leaves nothing behind
_NARROW = text("SET LOCAL work_mem = '64kB'")
_ROOM = text(
    "WITH spilled AS MATERIALIZED (SELECT repeat('x', 1000) FROM generate_series(1, 200)) SELECT count(*) FROM spilled"
)


async def _database(runtime: Runtime) -> Check:
    """Go the ways of a request: a lane and its write, the pool and its transaction, room on the disk."""
    await runtime.db.lanes.fetch(_WRITTEN, {})
    async with runtime.db.transaction() as session:
        await session.execute(_NARROW)
        await session.execute(_ROOM)
    return Check("database", True)


async def _bus(runtime: Runtime) -> Check:
    # an API goes on accepting into its outbox; a worker adds a check of its own that is essential
    problem = runtime.bus.problem() if runtime.bus is not None else None
    return Check("bus", problem is None, problem or "", essential=False)


async def _safely(name: str, check: Awaitable[Check]) -> Check:
    try:
        async with asyncio.timeout(limits.READINESS_SECONDS):
            return await check
    except Exception as error:  # noqa: BLE001 - whatever a check raises means "not ready", with its name for a reason
        return Check(name, False, _said(error))


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError | PoolTimeout):
        return f"no answer within {limits.READINESS_SECONDS:g} s"
    cause = getattr(getattr(error, "orig", None), "__cause__", None) or error  # the driver's, below SQLAlchemy's
    match cause:
        case pg.DiskFullError():
            return "disk full"
        case pg.ReadOnlySQLTransactionError():
            return "read only"
        case _:
            return type(cause).__name__


async def _ask(runtime: Runtime) -> Readiness:
    pending = [_safely("database", _database(runtime))]
    if runtime.bus is not None:
        pending.append(_safely("bus", _bus(runtime)))
    pending += [_safely(getattr(check, "__name__", "check"), check()) for check in runtime.readiness]
    checks = [check for check in await asyncio.gather(*pending) if not (check.ok and check.quiet)]
    if any(not check.ok and check.essential for check in checks):
        return "unavailable", checks
    return ("ready" if all(check.ok for check in checks) else "degraded"), checks


async def readiness(runtime: Runtime) -> Readiness:
    """Run all checks at once; returns `ready`, `degraded` (something that this role can do without) or `unavailable`.

    An answer holds for a second, and those who ask meanwhile share it: nobody loads the database by asking.
    """
    if not isinstance(runtime.asked, _Asked) or runtime.asked.is_old(runtime):
        runtime.asked = _Asked(runtime)
    return await asyncio.shield(runtime.asked.answer)


class _Asked:
    """One round of checks, running or done."""

    def __init__(self, runtime: Runtime) -> None:
        self._checks = tuple(runtime.readiness)
        self._until = time.monotonic() + limits.READINESS_KEPT_SECONDS
        self.answer = asyncio.create_task(_ask(runtime), name=f"{runtime.service.name} readiness")

    def is_old(self, runtime: Runtime) -> bool:
        """Say whether to ask anew: it is done and was a while ago, or other checks count by now."""
        return self._checks != tuple(runtime.readiness) or (self.answer.done() and time.monotonic() > self._until)


def routes(runtime: Runtime, *, with_metrics: bool) -> list[Route]:
    """Return the probes' routes; they need no credential and are not part of the API's contract."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        status, checks = await readiness(runtime)
        document = {
            "status": status,
            "service": runtime.service.name,
            "checks": {check.name: "ok" if check.ok else check.detail or "down" for check in checks},
        }
        return JSONResponse(document, 503 if status == "unavailable" else 200)

    found = [Route("/healthz", healthz), Route("/readyz", readyz)]
    return [*found, *metrics_routes(runtime.registry, runtime.settings)] if with_metrics else found
