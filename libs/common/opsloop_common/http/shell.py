"""The outermost layer of each service's app: request id, trace, metrics, access log. Pure ASGI, so it costs little."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsloop_common.access.authenticator import Authenticator
from opsloop_common.access.oidc import oidc_reader
from opsloop_common.access.usage import Spender
from opsloop_common.access.users import UserReader
from opsloop_common.http.call import KEY, Call
from opsloop_common.http.cors import name_origin
from opsloop_common.http.problems import error_response
from opsloop_common.http.ratelimit import RateLimiter
from opsloop_common.http.schemas import is_user_id
from opsloop_common.http.shares import Shares
from opsloop_common.http.tracing import RequestTrace
from opsloop_common.ids import uuid7
from opsloop_common.service import Runtime

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}")
_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Shell:
    """What the requests of one app share."""

    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self.runtime = runtime
        self.authenticator = Authenticator(
            runtime.db,
            scopes=runtime.service.scopes,
            users=UserReader(runtime.db, runtime.secrets, is_user_id=is_user_id),
            operator_key=settings.bootstrap_key.get_secret_value() if settings.bootstrap_key else None,
            people=oidc_reader(
                settings.oidc_issuer,
                settings.oidc_audience,
                scopes=runtime.service.scopes,
                clock=runtime.clock,
            ),
        )
        self.limiter = RateLimiter(
            settings.rate_limit_per_second,
            settings.rate_limit_burst,
            workspace_per_second=settings.rate_limit_workspace_per_second,
            process_per_second=settings.rate_limit_process_per_second,
        )
        self.shares = Shares()
        self.spender = Spender(runtime.db)
        self.log = structlog.get_logger("opsloop.http").bind()
        self._requests = Counter(
            "opsloop_http_requests_total",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=runtime.registry,
        )
        self._durations = Histogram(
            "opsloop_http_request_seconds",
            "Time from the request's head to the answer's last byte.",
            ("route", "method"),
            registry=runtime.registry,
            buckets=_SECONDS,
        )
        self._children: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one finished request."""
        key = (route, method, status)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self._requests.labels(route, method, str(status)),
                self._durations.labels(route, method),
            )
        children[0].inc()
        children[1].observe(seconds)


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
                    name_origin(headers, call.origin)
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
            path=scope["path"],
            route=route,
            status=status or 499,
            ms=round(seconds * 1000, 2),
            request_id=call.request_id,
            actor=call.principal.actor if call.principal else None,
            workspace=call.principal.workspace if call.principal else None,
        )
