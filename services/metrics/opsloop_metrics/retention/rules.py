"""How far back a monitor may look, and from when on events are kept for that."""

from __future__ import annotations

from datetime import datetime, timedelta

from opsloop_common.errors import Invalid


def require_kept(window: timedelta | None, kept: timedelta) -> None:
    """Raise Invalid when a window reaches further back than domain events are kept."""
    if window is not None and window > kept:
        raise Invalid("/window", f"events are kept for {kept.days} days, so a window over them is at most that long")


def kept_from(now: datetime, kept: timedelta, longest_window: timedelta | None) -> datetime:
    """Return the time from which on events stay.

    A window that is longer, from before the setting was lowered, keeps what it measures.
    """
    return now - max(kept, longest_window or timedelta())
