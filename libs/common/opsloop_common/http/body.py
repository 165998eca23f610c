"""Reading a request's body: size first, then its kind, then strict JSON."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from opsloop_common.deadline import stopped
from opsloop_common.documents import looked_for_surplus
from opsloop_common.errors import Invalid, TooLarge, UnsupportedMediaType
from opsloop_common.http.strict_json import read_json
from opsloop_common.limits import BODY_BYTES, JSON_CONTAINERS, JSON_VALUES
from opsloop_common.turns import QUICK_BYTES, in_turns, turn


@dataclass(frozen=True)
class BodyLimit:
    """How much a route reads: bytes, objects and lists, values."""

    bytes: int = BODY_BYTES
    containers: int = JSON_CONTAINERS
    values: int = JSON_VALUES


class ReadRequest(Request):
    """A request whose body has been read; FastAPI takes the parsed value instead of parsing again."""

    def __init__(self, request: Request, raw: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self.raw = raw
        self.value = value

    async def body(self) -> bytes:
        """Return the bytes."""
        return self.raw

    async def json(self) -> Any:
        """Return the parsed value."""
        return self.value


async def read_body(request: Request, limit: BodyLimit, *, required: bool, workspace: str) -> ReadRequest:
    """Read a JSON body of a workspace within `limit`; an empty one that is not `required` has the value None.

    Raises TooLarge (413), UnsupportedMediaType (415), BadRequest (400) and Invalid (422), in this order.
    """
    raw = await read_bytes(request, limit.bytes)
    if not raw and not required:
        return ReadRequest(request, b"", None)
    kind = request.headers.get("content-type")
    # nothing sent and nothing announced is not of a wrong kind, only not JSON
    if (raw or kind) and not _is_json(kind or ""):
        raise UnsupportedMediaType("Send application/json.", headers={"Accept": "application/json"})
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send it without Content-Encoding.", headers={"Accept-Encoding": "identity"})
    await require_few(raw, limit, workspace=workspace)
    async with turn(workspace) if len(raw) > QUICK_BYTES else nullcontext():
        return ReadRequest(request, raw, read_json(raw))


async def read_bytes(request: Request, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; raises TooLarge (413)."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        with stopped():
            message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        # counted as it comes: a chunked body announces nothing
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


async def require_few(raw: bytes, limit: BodyLimit, *, workspace: str) -> None:
    """Raise Invalid (422) for a body of more objects and lists, or of more values, than `limit`, before any of them is made."""
    steps = looked_for_surplus(raw, containers=limit.containers, values=limit.values)
    found = (
        list(steps) if len(raw) <= QUICK_BYTES else await in_turns(lambda detail: detail, steps, workspace=workspace)
    )
    if detail := next(filter(None, found), None):
        raise Invalid("", detail)


def too_large(limit: int) -> TooLarge:
    """Return the refusal of a body of more than `limit` bytes."""
    # the rest of the body is not read, so the connection cannot be used again
    return TooLarge(f"The body may have up to {limit} bytes.", headers={"Connection": "close"})


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
