"""What the doors of all vendors share: from a request to messages that are durable, and to what each of them came to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue
from starlette.requests import Request

from opsloop_common.access.principal import Kind
from opsloop_common.db import ports_of
from opsloop_common.errors import BadRequest
from opsloop_common.http.call import call_of
from opsloop_common.http.vendors import body_of, parsed
from opsloop_common.turns import QUICK_BYTES, turn
from opsloop_metrics.capture.rules import Reading, Unreadable
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.recording import service as recording
from opsloop_metrics.recording.service import Accepted, Sender
from opsloop_metrics.rejections import service as rejections

SCOPE = "metrics:capture"
BROWSER_LIBRARIES = ("analytics.js", "analytics-next", "web", "posthog-js")


@dataclass(frozen=True, slots=True)
class Taken:
    """What was read of a body, and what became of it."""

    reading: Reading
    accepted: Accepted


async def take(
    request: Request, read: Callable[[JsonValue, datetime], Reading], *, is_browser: bool | None = None
) -> Taken:
    """Read a request's body by a vendor's reader and store what it holds; returns when it is durable.

    `is_browser` None: where a page sent it, which names its origin. Raises BadRequest (400) for a body that is none of the vendor's,
    TooManyRequests (429) when a publishable key's quota has no room, StoreUnavailable (503).
    """
    call = call_of(request)
    raw = body_of(request)
    body = await parsed(raw)
    now = call.runtime.clock.now()
    try:
        async with turn() if len(raw) > QUICK_BYTES else nullcontext():
            reading = read(body, now)
    except Unreadable as unreadable:
        raise BadRequest(unreadable.detail) from unreadable
    await call.shell.spender.spend(call.who, rows=len(reading.messages), bytes=len(raw))
    who = call.who
    sender = Sender(
        workspace=who.workspace,
        source=who.source,
        actor=who.actor,
        may_merge_identified=who.kind is not Kind.PUBLISHABLE,
        ip=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent"),
        is_browser=call.origin is not None if is_browser is None else is_browser,
    )
    ports = ports_of(call.runtime.db, MetricsPorts)
    accepted = await recording.accept(ports.sink, ports.find_place, sender, reading, now=now)
    if accepted.problems:
        await call.enter()
        await rejections.record(call.session(), accepted.problems, source=who.source, vendor=_vendor_of(request))
    return Taken(reading, accepted)


def _vendor_of(request: Request) -> str:
    """Return whose client it is, by what its router is called: `capture: Segment`."""
    tag: str = request.scope["route"].tags[0]
    return tag.rpartition(": ")[2].lower()


def said_keys(body: bytes, *names: str) -> Iterator[str]:
    """Yield what stands under some names anywhere in a body, without parsing it: whoever sends it is to be known before."""
    wanted = "|".join(map(re.escape, names)).encode()
    for found in re.finditer(rb'"(?:' + wanted + rb')"\s{0,20}:\s{0,20}"([\x21\x23-\x5b\x5d-\x7e]{1,300})"', body):
        yield found[1].decode("ascii")
