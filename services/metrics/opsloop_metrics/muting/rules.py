"""Until when a monitor keeps quiet, by what and why: pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class MutedBy(StrEnum):
    """What keeps a monitor quiet."""

    MUTE = "mute"
    MAINTENANCE_WINDOW = "maintenance_window"


@dataclass(frozen=True)
class Muted:
    """Until when, by what, and why: what somebody gave as the reason, or what the window is called."""

    until: datetime
    by: MutedBy
    why: str | None


def longest(silences: Iterable[Muted]) -> Muted | None:
    """Return the one that lasts longest, None without any."""
    return max(silences, key=lambda each: (each.until, each.by), default=None)
