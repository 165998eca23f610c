"""What endpoints ask for: the transaction, who asks, the runtime, preconditions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.access.principal import Principal
from opsloop_common.http.call import Call, call_of
from opsloop_common.service import Runtime
from opsloop_common.versions import Precondition, etag


async def _call(request: Request) -> Call:
    return call_of(request)


async def _session(request: Request) -> AsyncSession:
    return call_of(request).session()


async def _who(request: Request) -> Principal:
    return call_of(request).who


async def _runtime(request: Request) -> Runtime:
    return call_of(request).shell.runtime


Db = Annotated[AsyncSession, Depends(_session)]
"""The request's transaction, begun in the principal's workspace; the route commits it before it answers, nobody else does."""
Who = Annotated[Principal, Depends(_who)]
Run = Annotated[Runtime, Depends(_runtime)]
Asked = Annotated[Call, Depends(_call)]
"""All of the above in one, for hot routes (`.who`, `.context`, `.session()`, `.keyed`, `.runtime`): each dependency costs FastAPI
about as much as reading the credential."""


async def _if_match(if_match: Annotated[str | None, Header(alias="If-Match")] = None) -> Precondition:
    return Precondition(if_match)


IfMatch = Annotated[Precondition, Depends(_if_match)]
"""Handed to the use case as `expected`, which holds it to the row once that is locked: `resources.lock_for_change`."""


def set_etag(response: Response, version: int | str) -> None:
    """Put the entity tag of `version` on the response."""
    response.headers["ETag"] = etag(version)


def set_location(response: Response, path: str) -> None:
    """Name the new resource by its path below the service, `/v1/…`; the shell sends it relative to the request."""
    response.headers["Location"] = path
