"""Umami's API, as its clients call it: the site's host is `…/api/metrics`, the website's id is a publishable key."""

from __future__ import annotations

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.vendors import Dialect, VendorRouter, json_response
from opsloop_metrics.doors import keys, open_door, take, visitor
from opsloop_metrics.umami import rules

ERRORS = {400: "bad-request", 401: "unauthorized", 403: "forbidden", 413: "payload-too-large", 429: "too-many-requests"}
DIALECT = Dialect(
    keys=keys(rules.key_in, *rules.PLACES),
    refusal=lambda status, words: rules.refusal(ERRORS.get(status, "error"), words),
)
router = VendorRouter(tags=["capture: Umami"])


async def send_umami_event(request: Request) -> Response:
    """Take one page, event or identification; answers when it is durable."""
    sender = visitor(request)
    status, answer = rules.answer(await take(request, lambda body, now: rules.read(body, now=now, sender=sender)))
    return json_response(answer, status)


async def send_umami_batch(request: Request) -> Response:
    """Take a list of them; answers when they are durable. What is refused is named, the rest is taken."""
    sender = visitor(request)
    reading = await take(request, lambda body, now: rules.read(body, now=now, sender=sender))
    status, answer = rules.answer_batch(reading)
    return json_response(answer, status)


open_door(router, "/api/send", send_umami_event, dialect=DIALECT, name="send_umami_event")
open_door(router, "/api/batch", send_umami_batch, dialect=DIALECT, name="send_umami_batch")
