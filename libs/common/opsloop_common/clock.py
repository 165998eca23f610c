"""The time of day is handed in, so that tests decide what time it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present time."""

    def now(self) -> datetime:
        """Return the present time, aware and in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Format an aware time as RFC 3339 in UTC with `Z`, microseconds only when there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
