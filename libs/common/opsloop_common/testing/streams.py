"""Answers that go on, read by a test as a browser does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from starlette.types import ASGIApp, Message


class Stream:
    """One answer, as far as it has come."""

    def __init__(self) -> None:
        self.status, self.text, self.is_over = 0, "", False
        self.headers: dict[str, str] = {}
        self.came, self.left = asyncio.Event(), asyncio.Event()

    async def receive(self) -> Message:
        """Say that the reader has left, once it has."""
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message.get("body", b"").decode()
            self.is_over = not message.get("more_body", False)
        self.came.set()

    @property
    def blocks(self) -> list[dict[str, str]]:
        """Return the events that came, each as its fields."""
        return [
            dict(line.split(": ", 1) for line in block.split("\n"))
            for block in self.text.split("\n\n")
            if "event: " in block
        ]

    async def until(self, check: Callable[[], object], what: str) -> None:
        """Wait for what is to come, no longer than the answer goes on."""
        async with asyncio.timeout(10):
            while not check():
                assert not self.is_over or check(), (what, self.status, self.text)
                self.came.clear()
                await self.came.wait()

    @classmethod
    @asynccontextmanager
    async def of(cls, app: ASGIApp, path: str, headers: Mapping[str, str], *, query: str = "") -> AsyncIterator[Self]:
        """Ask for a path; the reader leaves at the end of the block."""
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1), "server": ("service.test", 80),
        }  # fmt: skip
        stream = cls()
        task = asyncio.ensure_future(app(scope, stream.receive, stream.send))
        try:
            yield stream
            stream.left.set()
            async with asyncio.timeout(10):
                await task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
