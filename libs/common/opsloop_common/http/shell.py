"""The outermost layer of each service's app: request id, trace, metrics, access log. Pure ASGI, so it costs little."""

from __future__ import annotations

import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsloop_common.http.call import KEY, Call
from opsloop_common.http.cors import name_origin
from opsloop_common.http.problems import error_response
from opsloop_common.http.shared import Shell
from opsloop_common.http.tracing import RequestTrace
from opsloop_common.http.vendors import VendorRoute
from opsloop_common.ids import uuid7

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class ShellMiddleware:
    """Wraps the app: begins the call, ends it, and answers for whatever nobody else answered for."""

    def __init__(self, app: ASGIApp, shell: Shell) -> None:
        self.app = app
        self.shell = shell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        call = self._begin(scope)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers: list[tuple[bytes, bytes]] = message["headers"]
                headers.append((b"x-request-id", call.request_id.encode()))
                if call.rate is not None:
                    headers.append((b"ratelimit", call.rate.limit.encode()))
                    headers.append((b"ratelimit-policy", call.rate.policy.encode()))
                if call.origin is not None:
                    name_origin(headers, call.origin, scope.get("route"))
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - the last net: whatever it is, the caller gets a problem document
            response = error_response(error, scope, request_id=call.request_id)
            if status == 0:
                await response(scope, receive, answer)
        finally:
            self._end(scope, call, status, time.perf_counter() - started)

    def _begin(self, scope: Scope) -> Call:
        given = traceparent = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                given = value.decode("latin-1")
            elif name == b"traceparent":
                traceparent = value.decode("latin-1")
        request_id = given if given is not None and _REQUEST_ID.fullmatch(given) else str(uuid7())
        trace = RequestTrace(self.shell.runtime.db.tracer, traceparent)
        call = scope[KEY] = Call(self.shell, request_id, trace, reads=scope["method"] == "GET")
        return call

    def _end(self, scope: Scope, call: Call, status: int, seconds: float) -> None:
        # path_format is absent when nothing matched; the path itself would make a label per id
        route = getattr(scope.get("route"), "path_format", None) or "unmatched"
        method = scope["method"]
        self.shell.observe(route, method, status or 499, seconds)
        if route in _PROBES and status < 500:
            return  # asked every few seconds, and what they say is in the metrics of whoever asks
        call.trace.end(method, route, status, call.principal)
        self.shell.log.info(
            "request",
            method=method,
            # what stands in a path of another vendor's is a key
            path=route if "{" in route and isinstance(scope["route"], VendorRoute) else scope["path"],
            route=route,
            status=status or 499,
            ms=round(seconds * 1000, 2),
            request_id=call.request_id,
            actor=call.principal.actor if call.principal else None,
            workspace=call.principal.workspace if call.principal else None,
        )
