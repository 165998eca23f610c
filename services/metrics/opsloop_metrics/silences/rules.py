"""Which mutes and maintenance windows there may be, and where one lies: pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from opsloop_common.errors import FieldError, Invalid

MOST_MUTED = timedelta(days=30)
MOST_WINDOW = timedelta(days=31)


class WindowState(StrEnum):
    """Where a maintenance window lies: it is active from its start until just before its end."""

    UPCOMING = "upcoming"
    ACTIVE = "active"
    PAST = "past"


def require_ahead(until: datetime, now: datetime) -> None:
    """Raise Invalid for a mute that is over already, or lasts longer than anybody remembers."""
    if not timedelta() < until - now <= MOST_MUTED:
        raise Invalid("/until", f"has to lie ahead, by at most {MOST_MUTED.days} days")


def require_span(starts_at: datetime, ends_at: datetime) -> None:
    """Raise Invalid for a window that ends before it starts, or lasts too long."""
    if not timedelta() < ends_at - starts_at <= MOST_WINDOW:
        raise Invalid("/ends_at", f"has to be after starts_at, by at most {MOST_WINDOW.days} days")


def require_known(keys: Sequence[str], known: Iterable[str]) -> None:
    """Raise Invalid with each of the keys that names no KPI."""
    there = set(known)
    if missing := [place for place, key in enumerate(keys) if key not in there]:
        raise Invalid.each(FieldError(f"/kpis/{place}", "names no KPI") for place in missing)


def state_of(starts_at: datetime, ends_at: datetime, now: datetime) -> WindowState:
    """Return where a window lies."""
    if now < starts_at:
        return WindowState.UPCOMING
    return WindowState.ACTIVE if now < ends_at else WindowState.PAST
