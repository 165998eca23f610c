"""Segment's HTTP API, as its clients and RudderStack's call it: `host=…/api/metrics`, the write key is an API key."""

from __future__ import annotations

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.pages import is_secure
from opsloop_common.http.vendors import Dialect, VendorRouter, json_response
from opsloop_metrics.capture.rules import MessageKind
from opsloop_metrics.doors import keys, open_config, open_door, take
from opsloop_metrics.segment import rules


def _refusal(status: int, words: str) -> object:
    return rules.refusal(str(status), words)


DIALECT = Dialect(keys=keys(rules.key_in, "writeKey"), refusal=_refusal)
router = VendorRouter(tags=["capture: Segment"])


def _door(path: str, kind: MessageKind | None, *, name: str, is_short: bool) -> None:
    """Open a door for messages of one kind, or for a batch of any."""

    async def send(request: Request) -> Response:
        reading = await take(request, lambda body, now: rules.read(body, now=now, kind=kind))
        status, answer = rules.answer(reading)
        return json_response(answer, status)

    send.__doc__ = "Take what Segment's clients send here; answers when it is durable. What is refused is named, the rest is taken."
    open_door(router, path, send, dialect=DIALECT, name=name, is_shown=not is_short)


async def tell_segment_settings(request: Request) -> Response:
    """Tell analytics.js where to send, for a site that loads it with `cdnURL`."""
    protocol = "https" if is_secure(request) else "http"
    api_host = f"{request.url.netloc}{request.scope.get('root_path', '')}/v1"
    return json_response(rules.settings(request.path_params["key"], api_host, protocol))


_door("/v1/batch", None, name="send_segment_batch", is_short=False)
_door("/v1/b", None, name="send_segment_b", is_short=True)
for _name, _kind in rules.KINDS.items():
    _door(f"/v1/{_name}", _kind, name=f"send_segment_{_name}", is_short=len(_name) == 1)
open_config(router, "/v1/projects/{key}/settings", tell_segment_settings, refusal=_refusal)
