"""Answers that go on after their request: whether who asked may still be told."""

from __future__ import annotations

from starlette.requests import Request

from opsloop_common.access.addresses import bearer_token, counted_as
from opsloop_common.errors import Forbidden, TooManyRequests, Unauthorized
from opsloop_common.http.call import call_of


async def is_still_signed_in(request: Request) -> bool:
    """Say whether the credential of a request still opens its route, as it would a new request's."""
    call = call_of(request)
    address = counted_as(request.client.host) if request.client is not None else ""
    try:
        who = await call.shell.authenticator.read(bearer_token(request.headers.get("authorization")), address)
        request.scope["route"].guard.require(who)
    except (Unauthorized, Forbidden, TooManyRequests):
        return False
    return who.actor == call.who.actor
