"""What browsers are told: of routes that take what browsers hold, and of the others when the operator names origins."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from opsloop_common.http.paths import service_path
from opsloop_common.http.routing import ApiRoute
from opsloop_common.http.vendors import VendorRoute

ASKED = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID", "X-Request-Id", "traceparent")
SHOWN = ("ETag", "Location", "X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy", "Idempotency-Replayed")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PREFLIGHT_SECONDS = 600
HEADERS_MIRRORED = 1_000
"""Characters of the list of headers that a page asks to send."""

_ALLOW_ORIGIN = b"access-control-allow-origin"
_ALLOW_CREDENTIALS = (b"access-control-allow-credentials", b"true")
_EXPOSE = (b"access-control-expose-headers", ", ".join(SHOWN).encode())


def name_origin(headers: list[tuple[bytes, bytes]], origin: str, route: BaseRoute | None = None) -> None:
    """Let pages of `origin` see the answer, unless the operator's own list has let them already: a second name hides it.

    Some vendors' clients, and every beacon, ask with the browser's credentials, and then a browser shows the answer only where it is
    told that they may. On these routes it is safe to say so: no cookie is ever read, so a browser adds nothing that opens anything
    (what a page may do follows from the key that the page itself sends), and the answers tell nothing of what is stored.
    """
    if isinstance(route, VendorRoute):
        headers[:] = [
            each for each in headers if each[0] != _ALLOW_ORIGIN
        ]  # the operator's may be `*`, which is no name
        headers.append(_ALLOW_CREDENTIALS)
    if all(name != _ALLOW_ORIGIN for name, _ in headers):
        headers.extend([(_ALLOW_ORIGIN, origin.encode("latin-1")), (b"vary", b"Origin"), _EXPOSE])


class Preflights:
    """Answers a browser's question before the request, for routes that take publishable keys or tokens of end users.

    The question carries no key, so the answer is the same for every origin; whether the page sees the real answer is told with
    that one, by the key. `Access-Control-Allow-Credentials` is sent for other vendors' clients alone (`name_origin` says why).
    """

    def __init__(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> None:
        self.app = app
        self._routes = [route for route in routes if isinstance(route, ApiRoute) and route.guard.browsers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            origin = _header(scope, b"origin")
            routes = [route for route in self._routes if route.path_regex.match(service_path(scope))]
            methods = sorted({name for route in routes for name in route.methods or ()})
            if _header(scope, b"access-control-request-method") in methods and origin is not None:
                is_vendors = any(isinstance(route, VendorRoute) for route in routes)
                answer = _vendors_answer(methods, scope, origin) if is_vendors else _answer(methods)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)


def _answer(methods: Sequence[str]) -> Response:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": ", ".join(ASKED),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return Response(None, 204, headers)


def _vendors_answer(methods: Sequence[str], scope: Scope, origin: str) -> Response:
    """Let a page send whichever headers its client, which is another vendor's, has."""
    answer = _answer(methods)
    wanted = _header(scope, b"access-control-request-headers")
    if wanted and len(wanted) <= HEADERS_MIRRORED:
        answer.headers["Access-Control-Allow-Headers"] = wanted
    answer.headers["Access-Control-Allow-Origin"] = origin
    answer.headers["Access-Control-Allow-Credentials"] = "true"
    answer.headers["Vary"] = "Origin, Access-Control-Request-Headers"
    return answer
