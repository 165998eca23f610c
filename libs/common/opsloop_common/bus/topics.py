"""Which services, and which topics of theirs, a consumer must listen to."""

from __future__ import annotations

from collections.abc import Iterable

from opsloop_common.contracts.catalogue import BY_SERVICE, INTERNAL, PRODUCERS_OF, TELLS_INTERNALLY
from opsloop_common.contracts.envelope import topic_of

PRODUCERS = tuple(BY_SERVICE)
CAPTURE = "capture"
LOGS = (CAPTURE,)
"""Topics of raw records: what clients sent to metrics, until it is written."""


def sources_of(types: Iterable[str], *, producers: Iterable[str] = PRODUCERS) -> tuple[str, ...]:
    """Return the services that a consumer of `types` must listen to: all of them for `*` and for types not in the contracts."""
    services, types = tuple(producers), tuple(types)
    told_by = {service for type in types for service in PRODUCERS_OF.get(type, ())}
    if all(type in PRODUCERS_OF for type in types) and told_by <= set(services):
        return tuple(service for service in services if service in told_by)
    return services


def topics_from(services: Iterable[str], *, prefix: str = "opsloop") -> list[str]:
    """Return the topics that services write."""
    return [
        topic_of(service, is_internal=is_internal, prefix=prefix)
        for service in services
        for is_internal in ((False, True) if service in TELLS_INTERNALLY else (False,))
    ]


def logs_from(logs: Iterable[str], *, prefix: str = "opsloop") -> list[str]:
    """Return the topics of logs: of the records, and of those that nobody could read."""
    return [f"{prefix}.{log}{kind}" for log in logs for kind in ("", ".unreadable")]


def topics_of(types: Iterable[str], *, producers: Iterable[str] = PRODUCERS, prefix: str = "opsloop") -> list[str]:
    """Return the topics that a consumer of `types` must listen to; the internal ones only for types that it names.

    Beside an internal topic it listens to the common one, where earlier releases put such events.
    """
    types, services = tuple(types), tuple(producers)
    internal = sources_of(INTERNAL.intersection(types), producers=services) if INTERNAL.intersection(types) else ()
    return [
        *(topic_of(service, prefix=prefix) for service in sources_of(types, producers=services)),
        *(topic_of(service, is_internal=True, prefix=prefix) for service in internal),
    ]
