"""Which services a consumer must listen to."""

from __future__ import annotations

from collections.abc import Iterable

from opsloop_common.contracts.catalogue import BY_SERVICE, PRODUCER, PRODUCERS_OF

PRODUCERS = tuple(BY_SERVICE)
CAPTURE = "capture"
LOGS = (CAPTURE,)
"""Topics of raw records: what clients sent to metrics, until it is written."""


def producer_of(type: str) -> str | None:
    """Return the service whose events have this type, or None when the contracts do not know it."""
    return PRODUCER.get(type)


def sources_of(types: Iterable[str], *, producers: Iterable[str] = PRODUCERS) -> tuple[str, ...]:
    """Return the services that a consumer of `types` must listen to: all of them for `*` and for types not in the contracts."""
    services, types = tuple(producers), tuple(types)
    told_by = {service for type in types for service in PRODUCERS_OF.get(type, ())}
    if all(type in PRODUCERS_OF for type in types) and told_by <= set(services):
        return tuple(service for service in services if service in told_by)
    return services
