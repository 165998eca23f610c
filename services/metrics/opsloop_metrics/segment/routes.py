"""Segment's HTTP API, as its clients and RudderStack's call it: `host=…/api/metrics`, the write key is an API key."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.routing import allow, publishable
from opsloop_common.http.vendors import Dialect, Sent, VendorRouter, json_response, refusals, speaks
from opsloop_metrics.capture.rules import MessageKind
from opsloop_metrics.doors import SCOPE, said_keys, take
from opsloop_metrics.segment import rules


def _keys(sent: Sent) -> Iterator[str]:
    if key := rules.key_in(None, sent.headers, sent.query):
        yield key
    yield from said_keys(sent.body, "writeKey")


DIALECT = speaks(Dialect(keys=_keys, refusal=lambda status, words: rules.refusal(str(status), words)))
TAKES = (allow(SCOPE), publishable(), DIALECT)
router = VendorRouter(tags=["capture: Segment"])


def _door(path: str, kind: MessageKind | None, *, operation_id: str, is_short: bool) -> None:
    """Open a door for messages of one kind, or for a batch of any."""

    async def send(request: Request) -> Response:
        taken = await take(request, lambda body, now: rules.read(body, now=now, kind=kind))
        status, answer = rules.answer(taken.reading)
        return json_response(answer, status)

    send.__doc__ = "Take what Segment's clients send here; answers when it is durable. What is refused is named, the rest is taken."
    router.add_api_route(
        path,
        send,
        methods=["POST"],
        dependencies=TAKES,
        responses=refusals(),
        operation_id=operation_id,
        include_in_schema=not is_short,
    )


_door("/v1/batch", None, operation_id="send_segment_batch", is_short=False)
_door("/v1/b", None, operation_id="send_segment_b", is_short=True)
for _name, _kind in rules.KINDS.items():
    _door(f"/v1/{_name}", _kind, operation_id=f"send_segment_{_name}", is_short=len(_name) == 1)
