"""Spans of events on their way: sent by their producer, processed by each consumer, both below what caused the event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from opsloop_common.contracts.catalogue import INTERNAL
from opsloop_common.contracts.envelope import Event, topic_of

if TYPE_CHECKING:
    from opsloop_common.telemetry.tracer import Tracer


def told_as_sent(tracer: Tracer, service: str, events: Iterable[Mapping[str, Any]], *, began_ns: int) -> None:
    """Add a span for each recorded event that has just gone to the bus, begun when the bus was given it."""
    for event in events:
        topic = topic_of(service, is_internal=event["type"] in INTERNAL)
        attributes = _attributes(tracer, "send", topic, event["id"], event["type"], event["workspace"])
        span = tracer.after(event.get("traceparent"), f"send {topic}", "producer", attributes, began_ns=began_ns)
        if span is not None:
            span.leave()


def processing(tracer: Tracer | None, consumer: str, events: Sequence[Event]) -> AbstractContextManager[None]:
    """Have a span for each recorded event while a consumer works on them; its statements stand below the first of them."""
    return nullcontext() if tracer is None else _processing(tracer, consumer, events)


@contextmanager
def _processing(tracer: Tracer, consumer: str, events: Sequence[Event]) -> Iterator[None]:
    with ExitStack() as spans:
        for event in reversed(events):
            topic = topic_of(event.service, is_internal=event.type in INTERNAL)
            attributes = _attributes(tracer, "process", topic, str(event.id), event.type, event.workspace)
            attributes |= {"messaging.consumer.group.name": consumer, "messaging.batch.message_count": len(events)}
            span = tracer.after(event.traceparent, f"process {topic}", "consumer", attributes)
            if span is not None:
                spans.enter_context(span)
        yield


def _attributes(tracer: Tracer, operation: str, topic: str, id: str, type: str, workspace: str) -> dict[str, str | int]:
    return {
        "messaging.system": tracer.bus,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": topic,
        "messaging.message.id": id,
        "cloudevents.event_type": type,
        "opsloop.workspace": workspace,
    }
