"""What browsers are told: of routes that take what browsers hold, and of the others when the operator names origins."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from opsloop_common.http.paths import service_path
from opsloop_common.http.routing import ApiRoute
from opsloop_common.http.vendors import VendorRoute

ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "X-Request-Id", "traceparent")
SHOWN = ("ETag", "Location", "X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PREFLIGHT_SECONDS = 600
HEADERS_MIRRORED = 1_000
"""Characters of the list of headers that a page asks to send."""

_ALLOW_ORIGIN = b"access-control-allow-origin"
_EXPOSE = (b"access-control-expose-headers", ", ".join(SHOWN).encode())


def name_origin(headers: list[tuple[bytes, bytes]], origin: str) -> None:
    """Let pages of `origin` see the answer, unless the operator's own list has let them already: a second name hides it."""
    if all(name != _ALLOW_ORIGIN for name, _ in headers):
        headers.extend([(_ALLOW_ORIGIN, origin.encode("latin-1")), (b"vary", b"Origin"), _EXPOSE])


class Preflights:
    """Answers a browser's question before the request, for routes that take publishable keys or tokens of end users.

    The question carries no key, so the answer is the same for every origin; whether the page sees the real answer is told with
    that one, by the key. `Access-Control-Allow-Credentials` is never sent: a browser adds nothing of its own.
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self._routes = [route for route in routes if isinstance(route, ApiRoute) and route.guard.browsers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            wanted = _header(scope, b"access-control-request-method")
            methods = self._methods(service_path(scope))
            if wanted in methods and _header(scope, b"origin") is not None:
                await _answer(methods, self._asked(service_path(scope), scope))(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _methods(self, path: str) -> list[str]:
        return sorted({name for route in self._routes if route.path_regex.match(path) for name in route.methods or ()})

    def _asked(self, path: str, scope: Scope) -> str:
        """Return which headers a page may send: where clients are another vendor's, whichever theirs are."""
        wanted = _header(scope, b"access-control-request-headers")
        is_vendors = any(isinstance(route, VendorRoute) and route.path_regex.match(path) for route in self._routes)
        return wanted if wanted and is_vendors and len(wanted) <= HEADERS_MIRRORED else ", ".join(ASKED)


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)


def _answer(methods: Sequence[str], asked: str) -> Response:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": asked,
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return Response(None, 204, headers)
