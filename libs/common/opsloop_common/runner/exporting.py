"""From spans to the collector: one queue and one connection a process, one provider a service, none of them global."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from opsloop_common import limits
from opsloop_common.service import Runtime
from opsloop_common.telemetry.spans import current
from opsloop_common.telemetry.tracer import Tracer, failure_of

log = structlog.get_logger(__name__)
logging.getLogger("opentelemetry.exporter.otlp").setLevel(logging.CRITICAL)  # it says each failed try; we say it once

_PATH = "/v1/traces"
_SPAN = "opsloop_span"


@asynccontextmanager
async def exported(runtimes: Sequence[Runtime], endpoint: str) -> AsyncIterator[None]:
    """Trace services for the length of the block, and then send what is left, for a few seconds at most."""
    exporter = _Quiet(OTLPSpanExporter(_address(endpoint), timeout=limits.TRACE_EXPORT_SECONDS))
    processor = BatchSpanProcessor(exporter, max_queue_size=limits.TRACE_SPANS_WAITING)
    for runtime in runtimes:
        ratio = runtime.settings.otlp_ratio
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)), resource=_resource(runtime), shutdown_on_exit=False
        )
        provider.add_span_processor(processor)
        runtime.grounds.tracer = Tracer(
            provider, ratio=ratio, bus="kafka" if runtime.settings.bus == "kafka" else "opsloop"
        )
        for engine in runtime.db.engines:
            _watch(engine)
    try:
        yield
    finally:
        for runtime in runtimes:
            runtime.grounds.tracer = None
        # a thread that nobody waits for in the end: a collector that hangs must not hold the process up
        ending = threading.Thread(target=processor.shutdown, name="traces", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, limits.TRACE_FLUSH_SECONDS)
        if ending.is_alive():
            exporter.shutdown()  # no more tries


def _address(endpoint: str) -> str:
    base = endpoint.rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH


def _resource(runtime: Runtime) -> Resource:
    name = runtime.service.name
    return Resource.create(
        {
            "service.name": f"opsloop-{name}",
            "service.namespace": "opsloop",
            "service.version": version("opsloop-common"),
            "service.instance.id": runtime.settings.instance or f"{name}-0",
        }
    )


class _Quiet(SpanExporter):
    """Says once when the collector does not take traces, and once when it does again; the library says it each time."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._is_failing:
            log.warning("traces are lost: the collector does not take them")
        if self._is_failing and not failed:
            log.info("traces reach the collector again")
        self._is_failing = failed
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _watch(engine: AsyncEngine) -> None:
    """Have a span for each statement that SQLAlchemy sends within another span."""

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def before(_connection: object, _cursor: object, sql: str, _values: object, context: object, _many: bool) -> None:
        span = current()
        if span is not None and context is not None:
            setattr(context, _SPAN, span.statement(sql))

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def after(_connection: object, _cursor: object, _sql: str, _values: object, context: object, _many: bool) -> None:
        span = getattr(context, _SPAN, None)
        if span is not None:
            span.leave()

    @event.listens_for(engine.sync_engine, "handle_error")
    def failed(error: ExceptionContext) -> None:
        span = getattr(error.execution_context, _SPAN, None)
        if span is not None:
            span.fail(failure_of(error.original_exception))
            span.leave()
