"""Answers are compressed for who reads with a credential in the head of the request, and for nobody else.

A page of another site that makes a browser ask for a mixture of its own text and somebody's secret, and sees how long the answer
is, learns the secret (BREACH). What a browser sends by itself are cookies, so pages behind these are sent as they are; the
`Authorization` header it never sends by itself. Secrets are shown by POST, once, and are no answers to a GET.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from opsloop_common.limits import COMPRESSED_BYTES, COMPRESSED_INLINE_BYTES

_LEVEL = 1  # of a page of 39 KB level 9 makes 4.6 KB instead of 5.4, in thirty times the time


class Compression:
    """Wraps the app: gzip for answers of some size to GET requests, large ones in a thread. Streams of events go as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.compressed = GZipMiddleware(
            app, COMPRESSED_BYTES, compresslevel=_LEVEL, thread_minimum_size=COMPRESSED_INLINE_BYTES
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self.compressed if scope["type"] == "http" and _may_be_compressed(scope) else self.app
        await app(scope, receive, send)


def _may_be_compressed(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return (
        scope["method"] == "GET"
        and b"accept-encoding" in names
        and b"authorization" in names
        and b"cookie" not in names
    )
