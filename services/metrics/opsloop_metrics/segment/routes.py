"""Segment's HTTP API, as its clients and RudderStack's call it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fastapi import Response
from starlette.requests import Request

from opsloop_common.http.routing import allow, problems, publishable
from opsloop_common.http.vendors import Dialect, Sent, VendorRouter, json_response, speaks
from opsloop_metrics.doors import SCOPE, said_keys, take
from opsloop_metrics.segment import rules

MESSAGES = ("track", "identify", "page", "screen", "group", "alias", "t", "i", "p", "s", "g", "a")


def _keys(sent: Sent) -> Iterator[str]:
    if key := rules.key_in(None, sent.headers, sent.query):
        yield key
    yield from said_keys(sent.body, "writeKey")


DIALECT = Dialect(keys=_keys, refusal=lambda status, words: rules.refusal(str(status), words))
router = VendorRouter(tags=["segment"], dependencies=[])
TAKES = (allow(SCOPE), publishable(), speaks(DIALECT))


@router.post("/v1/batch", dependencies=TAKES, responses=problems(400, 413, 415, 429, 503))
async def send_segment_batch(request: Request) -> Response:
    """Take a batch of Segment's messages; answers when they are durable. What is refused of it is named, the rest is taken."""
    return await _answer(request, None)
