"""What the service counts of in-app inboxes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from opsloop_common import limits
from opsloop_common.http.lasting import Lasting


class Streams(Lasting):
    """Who watches inboxes in this process: each person through a few windows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        told = "People's windows that watch their in-app inboxes"
        super().__init__(registry, "opsloop_inbox_streams", told, reads=limits.INBOX_READS)
