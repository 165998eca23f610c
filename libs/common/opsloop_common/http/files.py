"""Routes whose body is a file, which they read themselves before their transaction begins: it may take a while to come."""

from __future__ import annotations

from hashlib import blake2b

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from opsloop_common.access.idempotency import keyed_request
from opsloop_common.http.call import call_of
from opsloop_common.http.paths import service_path


async def begin_with(request: Request, data: bytes) -> AsyncSession:
    """Begin the transaction of a route that read its body itself; an idempotency key stands for what address and body say."""
    call = call_of(request)
    if call.keyed is not None:
        call.keyed = keyed_request(
            request.headers["idempotency-key"],
            credential=call.who.credential,
            method=request.method,
            path=service_path(request.scope),
            body=[request.url.query, blake2b(data).hexdigest()],
            secrets=call.shell.runtime.secrets,
        )
    return await call.begin()
