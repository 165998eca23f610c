"""Google Analytics 4's measurement protocol: the host is `…/api/metrics`, the `api_secret` of the address is an API key."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.vendors import Dialect, Sent, VendorRouter, json_response
from opsloop_metrics.doors import look, open_door, take
from opsloop_metrics.google import rules
from opsloop_metrics.reading.rules import credential_of


def _keys(sent: Sent) -> Iterator[str]:
    """Yield what may be the key: nothing in a body is."""
    found = rules.key_in(None, sent.headers, sent.query), credential_of(sent.headers.get("authorization"))
    yield from filter(None, found)


DIALECT = Dialect(keys=_keys, refusal=lambda _, words: {"error": words})
router = VendorRouter(tags=["capture: Google Analytics"])


async def send_google_events(request: Request) -> Response:
    """Take a visitor's events; answers when they are durable, and without a word of those that are refused, as GA4 does."""
    await take(request, lambda body, now: rules.read(body, now=now))
    return Response(None, rules.ACCEPTED)


async def validate_google_events(request: Request) -> Response:
    """Say what is wrong with a visitor's events, and keep none."""
    return json_response(rules.validation(await look(request, lambda body, now: rules.read(body, now=now))))


open_door(router, "/mp/collect", send_google_events, dialect=DIALECT, name="send_google_events", status=rules.ACCEPTED)
open_door(router, "/debug/mp/collect", validate_google_events, dialect=DIALECT, name="validate_google_events")
