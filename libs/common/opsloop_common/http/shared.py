"""What the requests of one app share."""

from __future__ import annotations

from typing import Any

import structlog
from prometheus_client import Counter, Histogram

from opsloop_common.access.authenticator import Authenticator
from opsloop_common.access.oidc import oidc_reader
from opsloop_common.access.usage import Spender
from opsloop_common.access.users import UserReader
from opsloop_common.http.ratelimit import RateLimiter
from opsloop_common.http.schemas import is_user_id
from opsloop_common.http.shares import Shares
from opsloop_common.service import Runtime

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
