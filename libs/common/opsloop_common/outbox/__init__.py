"""The outbox: an event exists exactly when the transaction that appended it has committed."""

from opsloop_common.outbox.append import append

__all__ = ["append"]
