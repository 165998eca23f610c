"""Plausible's API, as its clients call it: the endpoint is `…/api/metrics/api/event`, with the key at `?key=` or as the domain."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Response
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from opsloop_common.http.vendors import Dialect, Sent, VendorRouter, json_response
from opsloop_metrics.doors import keys, open_door, take, visitor
from opsloop_metrics.plausible import rules

_said = keys(rules.key_in, "d", "domain")


def _keys(sent: Sent) -> Iterator[str]:
    # a domain may be a list with commas, whose first is the key
    return (said.partition(",")[0] for said in _said(sent))


DIALECT = Dialect(keys=_keys, refusal=lambda _, words: rules.refusal(words))
router = VendorRouter(tags=["capture: Plausible"])


async def send_plausible_event(request: Request) -> Response:
    """Take one event of a page; answers when it is durable."""
    sender = visitor(request)
    status, answer = rules.answer(await take(request, lambda body, now: rules.read(body, now=now, sender=sender)))
    return PlainTextResponse(answer, status) if isinstance(answer, str) else json_response(answer, status)


open_door(
    router,
    "/api/event",
    send_plausible_event,
    dialect=DIALECT,
    name="send_plausible_event",
    status=202,
    described={202: {"description": "Taken.", "content": {"text/plain": {"schema": {"const": "ok"}}}}},
)
