"""Where files are kept: a folder, or a bucket that speaks S3; who looks at them for viruses, and who draws small pictures."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from opsloop_common.deadline import stopped
from opsloop_common.errors import Unavailable
from opsloop_common.limits import FILE_STORE_SECONDS
from opsloop_feedback.files.pictures import Drawer
from opsloop_feedback.files.scanning import Scanner as Scanner

PIECE_BYTES = 256 * 1024
_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes as a part
_FAILURES = (BaseError, OSError, TimeoutError)


class NoFile(Exception):
    """There is no file of this name."""


class FileStore:
    """Files by names of ours (`<workspace>/<id>`), each written once. Whatever fails is Unavailable (503), after a minute at most."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, name: str, file: IO[bytes] | bytes) -> None:
        """Keep a file, whole or not at all; again changes nothing."""
        with _telling():
            async with asyncio.timeout(FILE_STORE_SECONDS):
                await obstore.put_async(self._store, name, file, chunk_size=_PART_BYTES, max_concurrency=2)

    async def open(self, name: str) -> AsyncIterator[bytes]:
        """Return a file by pieces; raises NoFile."""
        try:
            with _telling(FileNotFoundError):
                async with asyncio.timeout(FILE_STORE_SECONDS):
                    found = await obstore.get_async(self._store, name)
        except FileNotFoundError as error:
            raise NoFile from error
        return _pieces(found)

    async def read(self, name: str) -> bytes:
        """Return a whole file; raises NoFile."""
        pieces = await self.open(name)
        with _telling():
            async with asyncio.timeout(FILE_STORE_SECONDS):
                return b"".join([piece async for piece in pieces])

    async def remove(self, *names: str) -> None:
        """Remove files; what is not there is removed already."""
        for name in names:
            with contextlib.suppress(FileNotFoundError), _telling(FileNotFoundError):
                async with asyncio.timeout(FILE_STORE_SECONDS):
                    await obstore.delete_async(self._store, name)


@dataclass(frozen=True)
class Files:
    """All that is done with files. `scanner` None: nobody looks for viruses."""

    store: FileStore
    scanner: Scanner | None = None
    drawer: Drawer = field(default_factory=Drawer)

    async def scan(self, file: IO[bytes]) -> None:
        """Have a file looked at for viruses, where somebody does; raises Invalid (422), Unavailable (503)."""
        if self.scanner is not None:
            await self.scanner.scan(file)

    async def draw(self, data: bytes) -> bytes | None:
        """Return a small picture of one, None when there is none."""
        return await self.drawer.draw(data)


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    # the store's client has a deadline of its own for each
    async for piece in found.stream(min_chunk_size=PIECE_BYTES):
        yield bytes(piece)


@contextlib.contextmanager
def _telling(*but: type[Exception]) -> Iterator[None]:
    try:
        with stopped():  # no connection of the database is held meanwhile
            yield
    except _FAILURES as error:
        if isinstance(error, but):
            raise
        raise Unavailable("The store of files does not answer.", headers={"Retry-After": "5"}) from error


def open_folder(path: Path) -> FileStore:
    """Return a store that is a folder, made where there is none; only its owner may look into it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return FileStore(LocalStore(path))


def open_bucket(url: str) -> FileStore:
    """Return a store that is a bucket: `https://key:secret@host/bucket/prefix?region=…`; nothing is called yet."""
    parts = urlsplit(url)
    bucket, _, prefix = parts.path.strip("/").partition("/")
    host = parts.hostname if parts.port is None else f"{parts.hostname}:{parts.port}"
    store = S3Store(
        bucket,
        prefix=prefix or None,
        endpoint=f"{parts.scheme}://{host}",
        region=parse_qs(parts.query).get("region", ["us-east-1"])[0],
        access_key_id=unquote(parts.username or ""),
        secret_access_key=unquote(parts.password or ""),
        virtual_hosted_style_request=False,
        client_options={
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=30),
            "allow_http": parts.scheme == "http",
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
    )
    return FileStore(store)
