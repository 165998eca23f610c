"""Routes whose body is a file, which they read themselves before their transaction begins: it may take a while to come."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from tempfile import SpooledTemporaryFile
from typing import IO

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect, Request

from opsloop_common.access.idempotency import keyed_request
from opsloop_common.deadline import stopped
from opsloop_common.errors import BadRequest, Invalid
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.http.body import too_large
from opsloop_common.http.call import call_of
from opsloop_common.http.paths import service_path

MEMORY_BYTES = 1024 * 1024  # of a file that is on its way; the rest lies on the disk
_WRITE_BYTES = 256 * 1024
_FORM_FIELDS = 10
_FORM_OVERHEAD_BYTES = 16 * 1024


@dataclass(frozen=True)
class ReadFile:
    """A file as it came: what it holds, how large it is, by what it is known again, and what its sender calls it."""

    file: IO[bytes]
    size: int
    digest: str
    name: str | None
    media_type: str | None


@asynccontextmanager
async def read_file(request: Request, limit: int) -> AsyncGenerator[ReadFile]:
    """Read a file of at most `limit` bytes, by pieces onto the disk, and have it there for the length of the block.

    It is the body itself, or the one file of a form (`multipart/form-data`). Raises TooLarge (413), BadRequest (400), Invalid (422).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_form = kind == "multipart/form-data"
    pieces = _pieces(request, limit + (_FORM_OVERHEAD_BYTES if is_form else 0), limit)
    with SpooledTemporaryFile(max_size=MEMORY_BYTES) as own:
        read = await (_of_form(request, pieces) if is_form else _of_body(own, pieces, kind or None))
        with contextlib.closing(read.file):
            size, digest = await asyncio.to_thread(_measured, read.file)
            if size == 0:
                raise Invalid("", "is empty")
            if size > limit:
                raise too_large(limit)
            yield replace(read, size=size, digest=digest)


async def _pieces(request: Request, bound: int, limit: int) -> AsyncGenerator[bytes]:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > bound:
        raise too_large(limit)
    size, is_last = 0, False
    while not is_last:
        with stopped():
            message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        size += len(message.get("body", b""))
        if size > bound:
            raise too_large(limit)
        is_last = not message.get("more_body", False)
        yield message.get("body", b"")


async def _of_body(file: IO[bytes], pieces: AsyncGenerator[bytes], said: str | None) -> ReadFile:
    waiting = bytearray()
    async for piece in pieces:
        waiting += piece
        if len(waiting) >= _WRITE_BYTES:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    file.write(waiting)
    return ReadFile(file, 0, "", None, said)


async def _of_form(request: Request, pieces: AsyncGenerator[bytes]) -> ReadFile:
    """Read the one file of a form by Starlette's parser, which writes it onto the disk; other fields are passed over."""
    parser = MultiPartParser(request.headers, pieces, max_files=1, max_fields=_FORM_FIELDS, max_part_size=4_096)
    try:
        with reading():
            form = await parser.parse()
    except Unreadable as error:
        if isinstance(error.__cause__, ClientDisconnect):
            raise error.__cause__ from None
        raise BadRequest("The body is not a form with one file.") from error
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    if not files:
        raise Invalid("", "has no file in it")
    return ReadFile(files[0].file, 0, "", files[0].filename or None, files[0].content_type)


def _measured(file: IO[bytes]) -> tuple[int, str]:
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := file.read(_WRITE_BYTES):
        digest.update(piece)
        size += len(piece)
    file.seek(0)
    return size, digest.hexdigest()


async def begin_with(request: Request, data: bytes) -> AsyncSession:
    """Begin the transaction of a route that read its body itself; an idempotency key stands for what address and body say."""
    return await begin_with_digest(request, blake2b(data).hexdigest())


async def begin_with_digest(request: Request, digest: str) -> AsyncSession:
    """Do as `begin_with`, where the body is known by its digest."""
    call = call_of(request)
    if call.keyed is not None:
        call.keyed = keyed_request(
            request.headers["idempotency-key"],
            credential=call.who.credential,
            method=request.method,
            path=service_path(request.scope),
            body=[request.url.query, digest],
            secrets=call.shell.runtime.secrets,
        )
    return await call.begin()
