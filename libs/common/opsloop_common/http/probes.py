"""What the operator's machinery asks: alive, ready, how much."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opsloop_common.http.exposition import metrics_routes
from opsloop_common.service import Check, Runtime

CHECK_SECONDS = 3.0


async def _database(runtime: Runtime) -> Check:
    async with runtime.db.engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    return Check("database", True)


async def _bus(runtime: Runtime) -> Check:
    # an API goes on accepting into its outbox; a worker adds a check of its own that is essential
    problem = runtime.bus.problem() if runtime.bus is not None else None
    return Check("bus", problem is None, problem or "", essential=False)


async def _safely(name: str, check: Awaitable[Check]) -> Check:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check
    except Exception as error:  # noqa: BLE001 - whatever a check raises means "not ready", with its name for a reason
        return Check(name, False, type(error).__name__)


async def readiness(runtime: Runtime) -> tuple[str, list[Check]]:
    """Run all checks at once; returns `ready`, `degraded` (something that this role can do without) or `unavailable`."""
    pending = [_safely("database", _database(runtime))]
    if runtime.bus is not None:
        pending.append(_safely("bus", _bus(runtime)))
    pending += [_safely(getattr(check, "__name__", "check"), check()) for check in runtime.readiness]
    checks = list(await asyncio.gather(*pending))
    if any(not check.ok and check.essential for check in checks):
        return "unavailable", checks
    return ("ready" if all(check.ok for check in checks) else "degraded"), checks


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
