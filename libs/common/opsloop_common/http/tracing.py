"""The trace of one request: whose it is, and what the events that it makes say of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opsloop_common.access.principal import STRANGERS, Principal
from opsloop_common.telemetry.spans import Span
from opsloop_common.telemetry.traceparent import readable, traceparent_from

if TYPE_CHECKING:
    from opsloop_common.telemetry.tracer import Tracer


class RequestTrace:
    """Begins when it is known who asks: what signs them in is not part of it.

    The header of a secret key or a person decides whether the trace is recorded; what strangers send is continued, and recorded
    as often as a trace that begins here.
    """

    __slots__ = ("_began_ns", "_header", "_span", "_traceparent", "_tracer")

    def __init__(self, tracer: Tracer | None, header: str | None) -> None:
        self._tracer = tracer
        self._header = header
        self._span: Span | None = None
        self._traceparent: str | None = None
        self._began_ns = 0 if tracer is None else time.time_ns()

    def traceparent(self, who: Principal | None) -> str:
        """Return what the events of this request say, and work within its span from here on if there is one."""
        if self._traceparent is None:
            self._traceparent = (
                traceparent_from(self._header) if self._tracer is None else self._begin(self._tracer, who)
            )
        return self._traceparent

    def _begin(self, tracer: Tracer, who: Principal | None) -> str:
        # of somebody unknown nothing is continued: their requests make no events
        parent = None if who is None else readable(self._header)
        is_trusted = who is not None and who.kind not in STRANGERS
        attributes = {} if who is None else {"opsloop.workspace": who.workspace}
        self._span, traceparent = tracer.request(
            parent, is_trusted=is_trusted, began_ns=self._began_ns, attributes=attributes
        )
        if self._span is not None:
            self._span.enter()
        return traceparent

    def end(self, method: str, route: str, status: int, who: Principal | None) -> None:
        """End the span with the outcome. Neither path nor query: they name people."""
        if self._tracer is None:
            return
        self.traceparent(who)
        if self._span is None:
            return
        self._span.rename(f"{method} {route}")
        self._span.tell(http__request__method=method, http__route=route, http__response__status_code=status or 499)
        if status >= 500 or not status:
            self._span.fail(str(status or 499))
        self._span.leave()
