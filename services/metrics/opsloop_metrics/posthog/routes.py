"""PostHog's capture API, as its clients call it: `host=…/api/metrics`, the project's key is an API key.

Their paths end with a slash or not, as the client's version has it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.call import call_of
from opsloop_common.http.routing import allow, publishable
from opsloop_common.http.vendors import Dialect, Sent, VendorRouter, body_of, json_response, parsed, refusals, speaks
from opsloop_metrics.doors import SCOPE, said_keys, take
from opsloop_metrics.posthog import rules

ERRORS = {400: "invalid_payload", 401: "invalid_api_key", 413: "payload_too_large", 429: "rate_limited"}


def _keys(sent: Sent) -> Iterator[str]:
    if key := rules.key_in(None, sent.headers, sent.query):
        yield key
    yield from said_keys(sent.body, "api_key", "token", "$token")


def _refusal(status: int, words: str) -> Any:
    return rules.refusal(ERRORS.get(status, "error"), words)


TAKES = (allow(SCOPE), publishable(), speaks(Dialect(keys=_keys, refusal=_refusal)))
router = VendorRouter(tags=["capture: PostHog"])


async def send_posthog_events(request: Request) -> Response:
    """Take events as capture v0 sends them; answers when they are durable. What is refused is named, the rest is taken."""
    query = dict(request.query_params)
    taken = await take(request, lambda body, now: rules.read(body, now=now, query=query))
    status, answer = rules.answer(taken.reading)
    if "beacon" in query:
        return Response(None, 204)
    return json_response(answer, status)


async def send_posthog_events_v1(request: Request) -> Response:
    """Take events as capture v1 sends them; tells of each uuid what became of it."""
    headers = dict(request.headers)
    taken = await take(request, lambda body, now: rules.read_v1(body, now=now, headers=headers))
    status, answer = rules.answer_v1(taken.reading)
    return json_response(answer, status)


async def decide_posthog_flags(request: Request) -> Response:
    """Answer that there are no feature flags, so that clients capture and no more."""
    await parsed(body_of(request))
    return json_response(rules.flags(call_of(request).request_id))


def _door(path: str, endpoint: Callable[[Request], Coroutine[Any, Any, Response]], name: str, *methods: str) -> None:
    for each, is_shown in ((f"{path}/", True), (path, False)):
        router.add_api_route(
            each,
            endpoint,
            methods=list(methods),
            dependencies=TAKES,
            responses=refusals(),
            operation_id=name if is_shown else f"{name}_without_slash",
            include_in_schema=is_shown,
        )


_door("/batch", send_posthog_events, "send_posthog_batch", "POST")
_door("/capture", send_posthog_events, "send_posthog_capture", "POST")
_door("/e", send_posthog_events, "send_posthog_e", "POST")
_door("/i/v0/e", send_posthog_events, "send_posthog_i_v0_e", "POST")
_door("/i/v1/analytics/events", send_posthog_events_v1, "send_posthog_v1", "POST")
_door("/flags", decide_posthog_flags, "decide_posthog_flags", "POST")
