"""What the doors of all vendors share: from a request to messages that are durable, and to what each of them came to."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.access.principal import Kind
from opsloop_common.db import ports_of
from opsloop_common.errors import BadRequest
from opsloop_common.http.call import call_of
from opsloop_common.http.routing import allow, publishable
from opsloop_common.http.vendors import Dialect, Sent, VendorRouter, body_of, parsed, refusals, speaks
from opsloop_common.turns import in_turns
from opsloop_metrics.capture.rules import Reading, Unreadable
from opsloop_metrics.ports import MetricsPorts
from opsloop_metrics.reading import rules as wires
from opsloop_metrics.reading.rules import Unread
from opsloop_metrics.recording import service as recording
from opsloop_metrics.recording.service import Sender
from opsloop_metrics.rejections import service as rejections

SCOPE = "metrics:capture"
_VISITORS = "visitors"
Door = Callable[[Request], Coroutine[Any, Any, Response]]
Read = Callable[[JsonValue, datetime], Unread]
Answers = Mapping[int | str, dict[str, Any]]


def open_door(
    router: VendorRouter,
    path: str,
    endpoint: Door,
    *,
    dialect: Dialect,
    name: str,
    status: int = 200,
    described: Answers | None = None,
    gets: bool = False,
    is_shown: bool = True,
) -> None:
    """Open a door for POST, and if `gets` for GET, at a path with and without a slash at its end.

    The contract shows POST at the path as it is given, unless not `is_shown`, as the operation `name` that answers `status`.
    """
    bare = path.rstrip("/")
    doors = [(method, each) for method in ("POST", "GET")[: 1 + gets] for each in sorted((bare, f"{bare}/"))]
    for number, (method, each) in enumerate(sorted(doors, key=lambda door: door != ("POST", path))):
        router.add_api_route(
            each,
            endpoint,
            methods=[method],
            dependencies=[allow(SCOPE), publishable(), speaks(dialect)],
            status_code=status,
            responses=refusals() | dict(described or {}),
            operation_id=f"{name}_{number}" if number else name,
            include_in_schema=is_shown and not number,
        )


def open_config(router: VendorRouter, path: str, endpoint: Door, *, refusal: Callable[[int, str], Any]) -> None:
    """Open a door for GET at which a page asks how to send, with its key in the path, as `key`."""
    router.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        dependencies=[
            allow(SCOPE),
            publishable(),
            speaks(Dialect(keys=lambda sent: [sent.path["key"]], refusal=refusal)),
        ],
        operation_id=endpoint.__name__,
        include_in_schema=False,
    )


def keys(
    in_head: Callable[[JsonValue, Mapping[str, str], Mapping[str, str]], str | None], *in_body: str
) -> Callable[[Sent], Iterator[str]]:
    """Return a dialect's `keys`: where the head has it, by a vendor's `key_in`, then what stands under some names in the body."""

    def found(sent: Sent) -> Iterator[str]:
        if key := in_head(None, sent.headers, sent.query):
            yield key
        yield from said_keys(sent.body, *in_body)

    return found


def said_keys(body: bytes, *names: str) -> Iterator[str]:
    """Yield what stands under some names anywhere in a body, without parsing it: whoever sends it is to be known before."""
    wanted = "|".join(map(re.escape, names)).encode()
    for found in re.finditer(rb'"(?:' + wanted + rb')"\s{0,20}:\s{0,20}"([\x21\x23-\x5b\x5d-\x7e]{1,300})"', body):
        yield found[1].decode("ascii")


def plain(sent: Sent) -> Sent:
    """Take the JSON out of a form, base64 or the address, as browser clients wrap it. Raises BadRequest (400)."""
    try:
        if not sent.body and "data" in sent.query:
            return replace(sent, body=wires.unpacked(sent.query["data"]))
        body, fields = wires.payload_of(sent.body)
    except Unreadable as unreadable:
        raise BadRequest(unreadable.detail) from unreadable
    return replace(sent, body=body, query={**sent.query, **fields}) if fields or body is not sent.body else sent


async def take(request: Request, read: Read, *, is_browser: bool | None = None) -> Reading:
    """Read a request's body by a vendor's reader and store what it holds; returns what was stored and what refused, when it is durable.

    `is_browser` None: where a page sent it, which names its origin. Raises BadRequest (400) for a body that is none of the vendor's,
    TooManyRequests (429) when a publishable key's quota has no room, StoreUnavailable (503).
    """
    call = call_of(request)
    reading = await look(request, read)
    await call.shell.spender.spend(call.who, rows=len(reading.messages), bytes=len(body_of(request)))
    who = call.who
    sender = Sender(
        workspace=who.workspace,
        source=who.source,
        actor=who.actor,
        may_merge_identified=who.kind is not Kind.PUBLISHABLE,
        vendor=_vendor_of(request),
        ip=request.client.host if request.client else None,
        user_agent=request.headers.get("user-agent"),
        is_browser="origin" in request.headers if is_browser is None else is_browser,
    )
    ports = ports_of(call.runtime.db, MetricsPorts)
    accepted = await recording.accept(ports.sink, ports.find_place, sender, reading, now=call.runtime.clock.now())
    if accepted.problems:
        await call.enter()
        await rejections.record(call.session(), accepted.problems, source=who.source, vendor=sender.vendor)
    refused = {problem.index for problem in accepted.problems}
    stored = tuple((place, message) for place, message in reading.messages if place not in refused)
    return Reading(stored, accepted.problems)


def _vendor_of(request: Request) -> str:
    """Return whose client it is, by what its router is called: `capture: Segment`."""
    tag: str = request.scope["route"].tags[0]
    return tag.rpartition(": ")[2].lower()


async def look(request: Request, read: Read) -> Reading:
    """Read a request's body by a vendor's reader and store nothing; raises BadRequest (400) for a body that is none of the vendor's."""
    call = call_of(request)
    workspace = call.who.workspace
    body = await parsed(body_of(request), workspace=workspace)
    try:
        unread = read(body, call.runtime.clock.now())
    except Unreadable as unreadable:
        raise BadRequest(unreadable.detail) from unreadable
    return wires.reading_of(await in_turns(unread.read, range(len(unread)), workspace=workspace))


def visitor(request: Request) -> wires.Sender:
    """Return who holds the other end, for vendors whose clients have no ids; each workspace has its own secret."""
    call = call_of(request)
    secrets = ports_of(call.runtime.db, MetricsPorts).secrets
    return wires.Sender(
        ip=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
        secret=secrets.digest(call.who.workspace.encode(), purpose=_VISITORS),
    )
