"""Which service says what: the producers, and the topics that their consumers need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from opsloop_common.contracts import campaigns, feedback, metrics, notifications
from opsloop_common.contracts.envelope import EventData

EVENTS: Mapping[str, tuple[type[EventData], ...]] = MappingProxyType(
    {
        "feedback": feedback.EVENTS,
        "metrics": metrics.EVENTS,
        "campaigns": campaigns.EVENTS,
        "notifications": notifications.EVENTS,
    }
)
PRODUCERS = tuple(EVENTS)


def producer_of(type: str) -> str | None:
    """Return the service whose events have this type, or None when the contracts do not know it."""
    return next((service for service, events in EVENTS.items() if any(e.type == type for e in events)), None)


def sources_of(types: Iterable[str], *, producers: Iterable[str] = PRODUCERS) -> tuple[str, ...]:
    """Return the services that a consumer of `types` must listen to: all of them for `*` and for types not in the contracts."""
    known = [producer_of(type) for type in types]
    if None in known:
        return tuple(producers)
    return tuple(service for service in producers if service in known)
