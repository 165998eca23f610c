"""Files as bodies and in forms: read by pieces within a bound, whatever the sender does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from opsloop_common.errors import BadRequest, DomainError, Invalid, TooLarge
from opsloop_common.http.files import MEMORY_BYTES, read_file

LIMIT = 3 * 1024 * 1024
FORM = "multipart/form-data; boundary=x"


def request(
    pieces: Sequence[bytes], *, kind: str | None = None, announced: int | None = None, cut: bool = False
) -> Request:
    headers = [(b"content-type", kind.encode())] if kind else []
    headers += [(b"content-length", str(announced).encode())] if announced is not None else []
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.disconnect"} if cut else {"type": "http.request", "body": b"", "more_body": False})
    waiting = iter(messages)

    async def receive() -> Any:
        return next(waiting)

    return Request({"type": "http", "method": "POST", "headers": headers, "path": "/", "query_string": b""}, receive)


def part(data: bytes, *, name: str = "file", filename: str | None = "a.png", kind: str = "image/png") -> bytes:
    said = f'; filename="{filename}"' if filename is not None else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{said}\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + data + b"\r\n"


END = b"--x--\r\n"


async def test_a_body_is_the_file() -> None:
    data = bytes(range(256)) * 8_000
    pieces = [data[start : start + 70_000] for start in range(0, len(data), 70_000)]
    async with read_file(request(pieces, kind="Image/PNG; a=b"), LIMIT) as read:
        assert read.file.read() == data
        assert (read.size, read.name, read.media_type) == (len(data), None, "image/png")
        assert read.digest == hashlib.sha256(data).hexdigest()
    assert read.file.closed


async def test_a_large_file_lies_on_the_disk() -> None:
    async with read_file(request([b"x" * 100_000] * 20), LIMIT) as read:
        assert read.size > MEMORY_BYTES
        assert read.file._rolled  # type: ignore[attr-defined]


async def test_a_form_has_one_file_and_other_fields_are_passed_over() -> None:
    whole = part(b"words", name="note", filename=None) + part(b"data") + END
    async with read_file(request([whole[:30], whole[30:90], whole[90:]], kind=FORM), LIMIT) as read:
        assert (read.file.read(), read.size, read.name, read.media_type) == (b"data", 4, "a.png", "image/png")


@pytest.mark.parametrize(
    ("made", "refusal"),
    [
        (lambda: request([], kind="image/png"), Invalid),
        (lambda: request([b"x" * (LIMIT + 1)]), TooLarge),
        (lambda: request([b"x" * 100_000] * 40), TooLarge),
        (lambda: request([], announced=LIMIT + 1), TooLarge),
        (lambda: request([part(b"x" * (LIMIT + 1)) + END], kind=FORM), TooLarge),
        (lambda: request([part(b"x" * 100_000)] * 100, kind=FORM), BadRequest),
        (lambda: request([part(b"") + END], kind=FORM), Invalid),
        (lambda: request([part(b"a", filename=None) + END], kind=FORM), Invalid),
        (lambda: request([part(b"a") + part(b"b") + END], kind=FORM), BadRequest),
        (lambda: request([part(b"a", filename=None) * 20 + END], kind=FORM), BadRequest),
        (lambda: request([part(b"a" * 10_000, filename=None) + END], kind=FORM), BadRequest),
        (lambda: request([b"no form"], kind=FORM), BadRequest),
        (lambda: request([part(b"a")], kind="multipart/form-data"), BadRequest),
        (lambda: request([b"--x\r\n" + b"A: b\r\n" * 10_000], kind=FORM), BadRequest),
        (lambda: request([b"--x\r\nA" + b"a" * 1_000_000], kind=FORM), BadRequest),
        (lambda: request([b"--x\r\n\r\na\r\n", END], kind=FORM), BadRequest),
    ],
)
async def test_what_is_refused(made: Callable[[], Request], refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        async with read_file(made(), LIMIT):
            pass


@pytest.mark.parametrize("kind", [None, FORM])
async def test_whoever_leaves_is_not_waited_for(kind: str | None) -> None:
    with pytest.raises(ClientDisconnect):
        async with read_file(request([part(b"a")], kind=kind, cut=True), LIMIT):
            pass


async def test_it_is_closed_also_when_its_use_fails() -> None:
    async def use() -> None:
        async with read_file(request([b"x"]), LIMIT) as read:
            kept.append(read)
            raise LookupError

    kept: list[Any] = []
    with pytest.raises(LookupError):
        await use()
    assert kept[0].file.closed
