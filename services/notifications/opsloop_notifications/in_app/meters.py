"""What the service counts of in-app inboxes."""

from __future__ import annotations

import asyncio
from collections import Counter

from prometheus_client import CollectorRegistry, Gauge

from opsloop_common import limits
from opsloop_common.errors import TooManyRequests


class Streams:
    """Who watches inboxes in this process: so many at most, and each person through a few windows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = Gauge("opsloop_inbox_streams", "People's windows that watch their in-app inboxes", registry=registry)
        gauge.set_function(lambda: len(self))
        self._open: Counter[tuple[str, str]] = Counter()
        self.reading = asyncio.Semaphore(limits.INBOX_READS)
        """Taken by who reads for a stream: all that watch wake at once where all are told something."""

    def __len__(self) -> int:
        return self._open.total()

    def take(self, workspace: str, user_id: str) -> None:
        """Count one more; raises TooManyRequests (429)."""
        if len(self) >= limits.INBOX_STREAMS or self._open[workspace, user_id] >= limits.INBOX_STREAMS_PER_PERSON:
            raise TooManyRequests("Too many streams of inboxes are open.", headers={"Retry-After": "10"})
        self._open[workspace, user_id] += 1

    def give_back(self, workspace: str, user_id: str) -> None:
        """Count one less."""
        self._open[workspace, user_id] -= 1
        if not self._open[workspace, user_id]:
            del self._open[workspace, user_id]
