"""The spans of one service: of its requests, statements, events and calls. Loads OpenTelemetry's API; made by `runner.exporting`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, TypeAlias

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, TraceFlags

from opsloop_common.telemetry.spans import CURRENT, Span
from opsloop_common.telemetry.statements import shown, summary
from opsloop_common.telemetry.traceparent import is_sampled, readable

Attributes: TypeAlias = Mapping[str, str | int]
Kind: TypeAlias = Literal["server", "producer", "consumer", "client", "internal"]


class Tracer:
    """Begins the spans of one service. What a parent does not record, nothing below it does."""

    def __init__(self, provider: trace.TracerProvider, *, ratio: float, bus: str) -> None:
        self.bus = bus
        """What carries the events, as traces call it."""
        self._tracer = provider.get_tracer("opsloop")
        self._ratio = ratio

    def request(
        self, parent: str | None, *, is_trusted: bool, began_ns: int, attributes: Attributes
    ) -> tuple[Span | None, str]:
        """Begin the span of a request; returns it, None when it is not recorded, and the `traceparent` of what it causes.

        A parent decides whether the trace is recorded only when it is trusted: else any page could have all it does recorded.
        """
        context = Context()
        if parent is not None:
            context = _context_of(parent, sampled=is_sampled(parent) if is_trusted else random.random() < self._ratio)
        span = self._begin(context, "request", "server", attributes, began_ns)
        return (span if span.is_recorded else None), span.traceparent

    def after(
        self, parent: str | None, name: str, kind: Kind, attributes: Attributes, *, began_ns: int | None = None
    ) -> Span | None:
        """Begin a span below the `traceparent` of an event or of other work; None unless that is recorded."""
        parent = readable(parent)  # on Kafka others may write
        if parent is None or not is_sampled(parent):
            return None
        return self._begin(_context_of(parent, sampled=True), name, kind, attributes, began_ns)

    def below(self, parent: trace.Span, name: str, attributes: Attributes) -> Span:
        """Begin a span of a call below one of this service's."""
        return self._begin(trace.set_span_in_context(parent, Context()), name, "client", attributes)

    def _begin(
        self, context: Context, name: str, kind: Kind, attributes: Attributes, began_ns: int | None = None
    ) -> RecordedSpan:
        begun = self._tracer.start_span(
            name, context, kind=SpanKind[kind.upper()], attributes=dict(attributes), start_time=began_ns
        )
        return RecordedSpan(self, begun)


class RecordedSpan(Span):
    """A span of OpenTelemetry's, on its way."""

    __slots__ = ("_before", "_begun", "_has_failed", "_tracer", "is_open", "traceparent")

    def __init__(self, tracer: Tracer, begun: trace.Span) -> None:
        self._tracer = tracer
        self._begun = begun
        self._before: Span | None = None
        self._has_failed = False
        self.traceparent = _traceparent_of(begun)
        self.is_open = True

    @property
    def is_recorded(self) -> bool:
        """Say whether anybody will see it."""
        return self._begun.is_recording()

    def enter(self) -> None:
        self._before = CURRENT.get()
        CURRENT.set(self)

    def leave(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        if CURRENT.get() is self:
            CURRENT.set(self._before)
        self._before = None
        self._begun.end()

    def rename(self, name: str) -> None:
        self._begun.update_name(name)

    def tell(self, **attributes: str | int) -> None:
        for name, value in attributes.items():
            self._begun.set_attribute(name.replace("__", "."), value)

    def fail(self, kind: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._begun.set_attribute("error.type", kind)
            self._begun.set_status(StatusCode.ERROR)

    def statement(self, sql: str) -> Span:
        # the text has no values in it: all are parameters
        attributes = {"db.system.name": "postgresql", "db.query.text": shown(sql), "db.query.summary": summary(sql)}
        return self._tracer.below(self._begun, summary(sql), attributes)

    def __enter__(self) -> Span:
        self.enter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail(failure_of(error))
        self.leave()


def failure_of(error: BaseException) -> str:
    """Return the class of a failure: PostgreSQL's code for it, or the name of the error's class."""
    original = getattr(error, "orig", None) or error  # SQLAlchemy wraps the driver's
    return getattr(original, "sqlstate", None) or type(error).__name__


def _context_of(traceparent: str, *, sampled: bool) -> Context:
    _, trace_id, span_id, flags = traceparent.split("-")
    others = int(flags, 16) & ~TraceFlags.SAMPLED
    parent = trace.SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(others | (TraceFlags.SAMPLED if sampled else 0)),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def _traceparent_of(begun: trace.Span) -> str:
    found = begun.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
