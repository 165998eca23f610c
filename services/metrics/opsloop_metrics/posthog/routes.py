"""PostHog's capture API, as its clients call it: `host=…/api/metrics`, the project's key is an API key.

Their paths end with a slash or not, as the client's version has it; a browser's bodies are packed in whatever way it can.
"""

from __future__ import annotations

import orjson
from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.call import call_of
from opsloop_common.http.vendors import Dialect, VendorRouter, body_of, json_response, parsed, sent_of
from opsloop_metrics.doors import keys, open_config, open_door, plain, take
from opsloop_metrics.posthog import rules

ERRORS = {400: "invalid_payload", 401: "invalid_api_key", 413: "payload_too_large", 429: "rate_limited"}


def _refusal(status: int, words: str) -> object:
    return rules.refusal(ERRORS.get(status, "error"), words)


DIALECT = Dialect(keys=keys(rules.key_in, "api_key", "token", "$token"), refusal=_refusal, plain=plain)
router = VendorRouter(tags=["capture: PostHog"])


async def send_posthog_events(request: Request) -> Response:
    """Take events as capture v0 sends them; answers when they are durable. What is refused is named, the rest is taken."""
    query = sent_of(request).query
    reading = await take(request, lambda body, now: rules.read(body, now=now, query=query))
    status, answer = rules.answer(reading)
    if "beacon" in query:
        return Response(None, 204)
    return json_response(answer, status)


async def send_posthog_events_v1(request: Request) -> Response:
    """Take events as capture v1 sends them; tells of each uuid what became of it."""
    headers = sent_of(request).headers
    status, answer = rules.answer_v1(
        await take(request, lambda body, now: rules.read_v1(body, now=now, headers=headers))
    )
    return json_response(answer, status)


async def decide_posthog_flags(request: Request) -> Response:
    """Answer that there are no feature flags, so that clients capture and no more."""
    await parsed(body_of(request), workspace=call_of(request).who.workspace)
    return json_response(rules.flags(call_of(request).request_id))


async def tell_posthog_config(request: Request) -> Response:
    """Tell posthog-js what is on here: capturing."""
    return json_response(rules.config(request.path_params["key"]))


async def tell_posthog_config_script(request: Request) -> Response:
    """Tell posthog-js the same as a script, which it looks for first."""
    key = request.path_params["key"]
    name, config = orjson.dumps(key).decode(), orjson.dumps({"config": rules.config(key), "siteApps": []}).decode()
    said = f"(window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {{}})[{name}] = {config};\n"
    return Response(said, media_type="text/javascript", headers={"X-Content-Type-Options": "nosniff"})


for _path, _name in (("/batch/", "batch"), ("/capture/", "capture"), ("/e/", "e"), ("/i/v0/e/", "i_v0_e")):
    open_door(router, _path, send_posthog_events, dialect=DIALECT, name=f"send_posthog_{_name}", gets=True)
open_door(router, "/i/v1/analytics/events/", send_posthog_events_v1, dialect=DIALECT, name="send_posthog_v1")
open_door(router, "/flags/", decide_posthog_flags, dialect=DIALECT, name="decide_posthog_flags")
open_config(router, "/array/{key}/config", tell_posthog_config, refusal=_refusal)
open_config(router, "/array/{key}/config.js", tell_posthog_config_script, refusal=_refusal)
