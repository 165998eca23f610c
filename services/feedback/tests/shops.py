"""A page of somebody else, at an origin of its own and under a policy that allows no more than the host of OpsLoop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from typing import Any

from opsloop_common.access import keys
from opsloop_common.access.principal import Publishable
from opsloop_common.db import Context
from opsloop_common.runner.server import listen, serving

_PAGE = """<!doctype html><html lang="{lang}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>飞鸽商城</title><script src="{host}/{script}" {options} defer></script>
<main><h1>飞鸽商城</h1><a href="#x" id="link">Orders</a></main></html>"""
_POLICY = "default-src 'none'; script-src {host}; connect-src {host}; require-trusted-types-for 'script'"


class Shop:
    """The page, and where it and OpsLoop are served."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.url = self.key = ""
        self.lang = "zh-CN"
        self.script = "widget.js"
        self.options: dict[str, str] = {}

    def html(self) -> str:
        """Return the page as it is now."""
        options = {"data-key": self.key} | self.options
        said = " ".join(f'{name}="{escape(value)}"' for name, value in options.items())
        return _PAGE.format(lang=self.lang, host=self.host, script=self.script, options=said)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            await reader.readuntil(b"\r\n\r\n")
            body = self.html().encode()
            head = (
                f"Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {_POLICY.format(host=self.host)}"
            )
            writer.write(
                f"HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def key_of(api: Any, *origins: str, rows: int = 1_000) -> str:
    """Make a publishable key of pages at some origins."""
    async with api.db.transaction(Context(workspace="acme")) as session:
        token = await keys.create(
            session,
            name="widget",
            scopes=("feedback:submit",),
            workspace="acme",
            publishable=Publishable(origins, rows, 1024 * 1024),
        )
    return str(token)


@asynccontextmanager
async def shop(api: Any, **options: str) -> AsyncIterator[Shop]:
    """Serve OpsLoop, and a page that has the widget, each on a port of its own."""
    listener = listen("127.0.0.1", 0)
    made = Shop(f"http://127.0.0.1:{listener.getsockname()[1]}")
    made.options = {f"data-{name.replace('_', '-')}": value for name, value in options.items()}
    async with serving(api.app, listener):
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        made.url, made.key = f"{origin}/", await key_of(api, origin)
        try:
            yield made
        finally:
            api.db.wakeups.stop()
            server.close()
