"""The outbox: an event exists exactly when the transaction that appended it has committed."""

from opsloop_common.outbox.append import append
from opsloop_common.outbox.forgetting import forget
from opsloop_common.outbox.streams import end_streams

__all__ = ["append", "end_streams", "forget"]
