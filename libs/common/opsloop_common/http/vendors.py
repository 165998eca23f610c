"""Routes that speak another vendor's protocol: the clients stay as they are, so the door bends.

Their keys stand in headers, addresses or bodies, bodies are packed and called what they are not, pages of any origin send them, and
what a client understands of a refusal is the vendor's own. Whatever the body, who sends it is known before it is parsed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import islice
from typing import Any, ClassVar

import orjson
from fastapi import APIRouter, params
from starlette.requests import Request
from starlette.responses import Response

from opsloop_common.documents import whole_number
from opsloop_common.errors import BadRequest, Invalid, TooLarge, Unauthorized, UnsupportedMediaType
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.http.body import BodyLimit, read_bytes, require_few
from opsloop_common.http.call import Call
from opsloop_common.http.guards import Marker, one_marker
from opsloop_common.http.problems import error_response
from opsloop_common.http.routing import ApiRoute, Handler
from opsloop_common.limits import CAPTURE_BYTES, CAPTURE_CONTAINERS, CAPTURE_VALUES
from opsloop_common.turns import QUICK_BYTES, turn

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_SENT = "opsloop.vendor_sent"
_KEYS_TRIED = 3
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW_LOG = 25  # 32 MiB: a frame may ask for up to 2 GiB before it has said a word


@dataclass(frozen=True)
class Sent:
    """A request as a dialect sees it: names of headers in small letters, the address's parameters, the body unpacked.

    `path` has what stands in the place of names in the route's path.
    """

    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    path: Mapping[str, str] = field(default_factory=dict)


def _as_it_is(sent: Sent) -> Sent:
    return sent


@dataclass(frozen=True)
class Dialect:
    """How one vendor's clients say who they are, and what they understand.

    `keys` are what may be the key, most likely first; it is asked with an empty body first, so that who names their key in the head
    is known before the body is read. `refusal` is the body of an answer that refuses, from its status and words.
    """

    keys: Callable[[Sent], Iterable[str]]
    refusal: Callable[[int, str], Any]
    plain: Callable[[Sent], Sent] = _as_it_is
    """Takes the JSON out of what it is wrapped in (a form, base64, an address), and puts a form's other fields to the address's.

    What it takes out may be packed once more. Raises BadRequest.
    """
    bytes: int = CAPTURE_BYTES


@dataclass(frozen=True)
class _Speaks(Marker):
    dialect: Dialect


def speaks(dialect: Dialect) -> params.Depends:
    """Take requests as one vendor's clients send them, and answer as they understand."""
    return params.Depends(_Speaks(dialect))


class VendorRoute(ApiRoute):
    """A route whose request is read by a dialect; it holds no transaction, since what it hands on is durable elsewhere."""

    refuses_in_problems: ClassVar[bool] = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        markers = [each.dependency for each in options.get("dependencies") or () if isinstance(each.dependency, Marker)]
        spoken = one_marker(markers, _Speaks)
        if spoken is None:
            raise TypeError(f"{path} ({endpoint.__name__}) must declare speaks(...)")
        self.dialect = spoken.dialect
        super().__init__(path, endpoint, **options)

    async def _answer(self, call: Call, request: Request, endpoint: Handler) -> Response:
        call.origin = request.headers.get("origin")
        head = Sent(
            {name.lower(): value for name, value in request.headers.items()},
            dict(request.query_params),
            b"",
            request.path_params,
        )
        is_known = await self._sign_in(call, request, head)
        sent = await self._read_sent(request, head)
        if not is_known and not await self._sign_in(call, request, sent):
            raise Unauthorized("The write key is missing or not known here.", headers={"WWW-Authenticate": "Bearer"})
        try:
            limit = BodyLimit(self.dialect.bytes, CAPTURE_CONTAINERS, CAPTURE_VALUES)
            await require_few(sent.body, limit, workspace=call.who.workspace)
        except Invalid as surplus:  # their clients cut a batch that is too large, and know no 422
            raise TooLarge(f"The body {surplus.errors[0].detail}.") from surplus
        request.scope[_SENT] = sent
        response = await endpoint(request)
        await call.commit()
        return response

    async def _read_sent(self, request: Request, head: Sent) -> Sent:
        limit = self.dialect.bytes
        raw = await read_bytes(request, limit)
        body = await unpacked(raw, head.headers.get("content-encoding", ""), limit)
        wrapped = replace(head, body=body)
        is_quick = len(body) <= QUICK_BYTES or self.dialect.plain is _as_it_is
        sent = self.dialect.plain(wrapped) if is_quick else await asyncio.to_thread(self.dialect.plain, wrapped)
        return sent if sent.body is body else replace(sent, body=await unpacked(sent.body, "", limit))

    async def _sign_in(self, call: Call, request: Request, sent: Sent) -> bool:
        """Sign in with the first of the keys that is known; raises Forbidden for one that may not."""
        for key in dict.fromkeys(islice(self.dialect.keys(sent), _KEYS_TRIED)):
            try:
                await self.admit(call, request, key)
            except Unauthorized:
                continue
            return True
        return False

    def refusal(self, call: Call, request: Request, error: Exception) -> Response:
        """Answer an error as the vendor's clients read it, with the status and headers that every route would give."""
        problem = error_response(error, request.scope, request_id=call.request_id)
        said = orjson.loads(problem.body)
        words = "; ".join(each["detail"] for each in said.get("errors", ())) or said.get("detail") or said["title"]
        kept = {name: value for name, value in problem.headers.items() if not name.startswith("content-")}
        return json_response(self.dialect.refusal(problem.status_code, words), problem.status_code, kept)


class VendorRouter(APIRouter):
    """A router whose routes all are VendorRoutes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=VendorRoute, **options)


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the statuses with which a route refuses, in the vendor's own words; those that every such route has are included."""
    wanted = sorted({400, 401, 403, 413, 415, 429, 503, *statuses})
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {"application/json": {}}} for status in wanted
    }


def body_of(request: Request) -> bytes:
    """Return the unpacked body of a request to a VendorRoute."""
    return sent_of(request).body


def sent_of(request: Request) -> Sent:
    """Return what a VendorRoute was sent, taken out of what it was wrapped in."""
    sent: Sent = request.scope[_SENT]
    return sent


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer in JSON."""
    return Response(orjson.dumps(value), status, dict(headers or {}), "application/json")


async def parsed(body: bytes, *, workspace: str) -> Any:
    """Return what JSON says, also such as Python's and JavaScript's writers make and the standard forbids; raises BadRequest (400)."""
    if len(body) <= QUICK_BYTES:
        return _parsed(body)
    async with turn(workspace):
        return _parsed(body)


def _parsed(body: bytes) -> Any:
    try:
        with reading():
            return orjson.loads(body)
    except Unreadable:
        return _parsed_loosely(body)


def _parsed_loosely(body: bytes) -> Any:
    # NaN, halves of characters beyond U+FFFF, numbers of thousands of digits: one such value must not cost the batch
    try:
        with reading():
            return json.loads(body, parse_constant=lambda _: None, parse_int=whole_number)
    except Unreadable as error:
        raise BadRequest("The body is not JSON.") from error


async def unpacked(raw: bytes, encoding: str, limit: int) -> bytes:
    """Return a body without its compression, told by its first bytes rather than by what it is called; raises TooLarge (413)."""
    work = _unpacker(raw, encoding.strip().lower())
    if work is None:
        return raw
    # zlib and zstd let others run meanwhile
    return work(limit) if len(raw) <= QUICK_BYTES // 4 else await asyncio.to_thread(work, limit)


def _unpacker(raw: bytes, encoding: str) -> Callable[[int], bytes] | None:
    if raw.startswith(_GZIP):
        return lambda limit: _inflated(raw, zlib.MAX_WBITS | 16, limit)
    if raw.startswith(_ZSTD):
        return lambda limit: _unzstd(raw, limit)
    if encoding == "deflate":
        return lambda limit: _inflated(raw, zlib.MAX_WBITS, limit)
    if encoding in ("br", "compress"):
        raise UnsupportedMediaType("Send it as gzip, deflate, zstd or as it is.")
    return None


def _inflated(raw: bytes, window: int, limit: int) -> bytes:
    inflating = zlib.decompressobj(window)
    try:
        with reading():
            found = inflating.decompress(raw, limit + 1)
    except Unreadable as error:
        raise BadRequest("The body cannot be unpacked.") from error
    return _bounded(found, inflating.eof, inflating.unused_data, limit)


def _unzstd(raw: bytes, limit: int) -> bytes:
    unpacking = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG})
    try:
        with reading():
            found = unpacking.decompress(raw, limit + 1)
    except Unreadable as error:
        raise BadRequest("The body cannot be unpacked.") from error
    return _bounded(found, unpacking.eof, unpacking.unused_data, limit)


def _bounded(found: bytes, is_whole: bool, beyond: bytes, limit: int) -> bytes:
    if len(found) > limit:
        raise TooLarge(f"The body may have up to {limit} bytes.", headers={"Connection": "close"})
    if not is_whole:
        raise BadRequest("The body ends too early to be unpacked.")
    if beyond:  # no client sends it, and what is not read would be lost without a word
        raise BadRequest("The body goes on behind what was packed.")
    return found


__all__ = [
    "Dialect", "Sent", "VendorRoute", "VendorRouter", "body_of", "json_response", "parsed", "refusals", "sent_of", "speaks",
    "unpacked",
]  # fmt: skip
