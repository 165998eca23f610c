"""What can go wrong while due work is being done."""

from __future__ import annotations

from datetime import datetime


class ClaimLost(Exception):
    """Another worker has the row by now, or it was cancelled: this transaction must not take effect."""


class LeaseExceeded(Exception):
    """The handler took longer than its kind allows."""


class NotRecordable(Exception):
    """A failure of which the words could not be stored."""


class GaveWay(Exception):
    """A long run ended between two of its steps, for others to have its place; it goes on from its state when its turn comes.

    That is at once, or not before `until`.
    """

    def __init__(self, until: datetime | None = None) -> None:
        super().__init__()
        self.until = until
