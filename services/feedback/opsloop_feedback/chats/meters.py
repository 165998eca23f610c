"""What the service counts of chats."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from opsloop_common import limits
from opsloop_common.http.lasting import Lasting


class ChatStreams(Lasting):
    """Visitors' windows that watch their chats in this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(
            registry, "opsloop_chat_streams", "Visitors' windows that watch their chats", reads=limits.CHAT_READS
        )
