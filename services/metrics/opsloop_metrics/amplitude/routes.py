"""Amplitude's HTTP API v2, as its clients call it: the server's URL is `…/api/metrics/2/httpapi`, the API key is one of ours."""

from __future__ import annotations

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.call import call_of
from opsloop_common.http.vendors import Dialect, VendorRouter, body_of, json_response
from opsloop_metrics.amplitude import rules
from opsloop_metrics.doors import keys, open_door, take

router = VendorRouter(tags=["capture: Amplitude"])


def _refusal(status: int, words: str) -> object:
    """Say it as the clients read it: by `code`, of which they know few; at this error alone they stop, and else would try for ever."""
    if status in (401, 403):
        return rules.refusal(400, f"Invalid API key: {words}")
    return rules.refusal(status, words)


async def send_amplitude_events(request: Request) -> Response:
    """Take a request's events; answers when they are durable. What is refused is named, the rest is taken."""
    reading = await take(request, lambda body, now: rules.read(body, now=now))
    now = call_of(request).runtime.clock.now()
    status, answer = rules.answer(reading, now=now, size=len(body_of(request)))
    return json_response(answer, status)


open_door(
    router,
    "/2/httpapi",
    send_amplitude_events,
    dialect=Dialect(keys=keys(rules.key_in, "api_key"), refusal=_refusal),
    name="send_amplitude_events",
)
