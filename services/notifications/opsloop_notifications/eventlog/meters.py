"""What the service counts of those who wait for events."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from opsloop_common import limits
from opsloop_common.http.lasting import Lasting


class EventWaiters(Lasting):
    """Who waits for events in this process, by polls and by streams."""

    def __init__(self, registry: CollectorRegistry) -> None:
        told = "Polls and streams that wait for events"
        super().__init__(registry, "opsloop_event_waiters", told, reads=limits.EVENT_READS)
