"""When a reply that was written before is said, and when it is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from opsloop_common.errors import Conflict, Invalid

MOST_OF_A_POST = 10
MOST_UNSENT = 5_000
"""Of a workspace: each is a row that somebody looks at when its time has come."""
LONGEST_AHEAD = timedelta(days=366)


class ScheduledStatus(StrEnum):
    """What became of it. `held`: its time came, and it was not said."""

    WAITING = "waiting"
    SENT = "sent"
    HELD = "held"


class HeldBecause(StrEnum):
    """Why it was not said."""

    FINISHED = "finished"


def require_one_time(send_at: datetime | None, *, at_opening: bool) -> None:
    """Raise Invalid (422) unless exactly one way of saying when is taken."""
    if (send_at is None) != at_opening:
        raise Invalid("/send_at", "give either `send_at` or `at_opening: true`")


def require_ahead(send_at: datetime, now: datetime) -> None:
    """Raise Invalid (422) for a time that has gone, or that nobody plans with."""
    if send_at <= now:
        raise Invalid("/send_at", "must lie ahead")
    if send_at > now + LONGEST_AHEAD:
        raise Invalid("/send_at", f"must be at most {LONGEST_AHEAD.days} days ahead")


def require_unsent(status: ScheduledStatus) -> None:
    """Raise Conflict (409) for what was said already."""
    if status is ScheduledStatus.SENT:
        raise Conflict("This reply has been sent.")


def why_held(*, is_finished: bool, was_finished: bool) -> HeldBecause | None:
    """Return why a reply whose time has come is not said, None when it is.

    Whoever wrote to somebody whose post was finished meant that. Where somebody finished it since, the words may be about what is
    over, so a person looks again. A merge holds nothing: what is said to a merged one lands where it was merged into.
    """
    return HeldBecause.FINISHED if is_finished and not was_finished else None
