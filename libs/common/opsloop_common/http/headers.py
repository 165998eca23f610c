"""What every answer says to a browser, unless its route says otherwise. Pure ASGI, around everything that answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsloop_common.ids import uuid7

POLICY = b"content-security-policy"
_FRAMES = b"x-frame-options"
# an answer that is no page can load, run and frame nothing; a page sets a policy of its own (`page_policy`)
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (POLICY, b"default-src 'none'; frame-ancestors 'none'"),
    (_FRAMES, b"DENY"),
    (b"cache-control", b"no-store"),
)
_NAMES = frozenset(name for name, _ in _ALWAYS)


class SafeHeaders:
    """Adds to each answer the headers above that it does not have, and an `X-Request-Id` where the shell set none.

    A route that sets one of them keeps its own. One whose policy lets somebody frame it gets no `X-Frame-Options`: that can name
    nobody, and browsers that know `frame-ancestors` ignore it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = headers = list(message.get("headers", ()))
                complete(headers)
            await send(message)

        await self.app(scope, receive, answer)


def complete(headers: list[tuple[bytes, bytes]]) -> None:
    """Add to the headers of an answer, named in lower case, what they lack."""
    present = dict(headers)
    if b"x-request-id" not in present:
        headers.append((b"x-request-id", str(uuid7()).encode()))
    if present.keys().isdisjoint(_NAMES):  # nearly always
        headers += _ALWAYS
        return
    for name, value in _ALWAYS:
        if name not in present and not (name == _FRAMES and _may_be_framed(present.get(POLICY, b""))):
            headers.append((name, value))


def _may_be_framed(policy: bytes) -> bool:
    return b"frame-ancestors" in policy and b"frame-ancestors 'none'" not in policy


def page_policy(
    *, scripts: Iterable[str] = (), styles: Iterable[str] = (), images: Iterable[str] = (), calls: Iterable[str] = ()
) -> str:
    """Return the Content-Security-Policy of a page: nothing but the sources named, in no frame, to no foreign form.

    A source is `'self'`, an address, or `source_of(text)` for what stands in the page itself.
    """
    directives = {"default-src": ["'none'"], "frame-ancestors": ["'none'"], "base-uri": ["'none'"]}
    directives["form-action"] = ["'self'"]
    named = {"script-src": scripts, "style-src": styles, "img-src": images, "connect-src": calls}
    directives |= {name: list(sources) for name, sources in named.items() if sources}
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def source_of(text: str) -> str:
    """Return the source that lets a page run or apply exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
