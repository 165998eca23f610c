"""An HTTP server of tests that answers whatever it is asked as it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Hook:
    """A local endpoint that answers as it is told: a status, or a function of the request."""

    url: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.Response]] | int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the request and answer it."""
        self.calls.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        if isinstance(self.answer, int):
            return web.Response(status=self.answer, headers=self.headers, text="thanks")
        return await self.answer(request)


@asynccontextmanager
async def hooked() -> AsyncIterator[Hook]:
    """Listen on 127.0.0.1 for the length of the block."""
    made = Hook()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield made
    finally:
        await runner.cleanup()
