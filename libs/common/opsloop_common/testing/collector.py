"""A collector for tests: takes OTLP over HTTP and says which spans came."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from opsloop_common.testing.receiver import Received, WebhookReceiver

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # kinds of spans, as OTLP numbers them


@dataclass(frozen=True)
class Seen:
    """One span as it came; ids in hexadecimal, `parent` empty for the first of a trace."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    attributes: dict[str, str | int]
    failed: bool


@dataclass
class Collector:
    """What the collector was sent."""

    receiver: WebhookReceiver = field(default_factory=WebhookReceiver)

    @property
    def url(self) -> str:
        """Return the address for `OPSLOOP_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self.receiver.port}"

    def spans(self, trace: str | None = None) -> list[Seen]:
        """Return the spans that came, of one trace or of all."""
        found = [span for request in self.receiver.requests for span in _read(request)]
        return [span for span in found if trace in (None, span.trace)]


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Collect for the length of the block."""
    collector = Collector()
    async with collector.receiver.running():
        yield collector


def _read(request: Received) -> list[Seen]:
    assert request.path == "/v1/traces"
    body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    return [
        Seen(
            service=next(
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            ),
            name=span.name,
            kind=span.kind,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            attributes={each.key: each.value.string_value or each.value.int_value for each in span.attributes},
            failed=span.status.code == 2,
        )
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
