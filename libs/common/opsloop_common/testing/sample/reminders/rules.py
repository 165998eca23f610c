"""What may become of a reminder."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from opsloop_common.errors import IllegalTransition, Invalid


class ReminderStatus(StrEnum):
    """How far it is: it waits for its time, has rung, or needs to no more."""

    WAITING = "waiting"
    RUNG = "rung"
    DONE = "done"


# what a person may ask for; only time makes one ring
TRANSITIONS: dict[ReminderStatus, frozenset[ReminderStatus]] = {
    ReminderStatus.WAITING: frozenset({ReminderStatus.DONE}),
    ReminderStatus.RUNG: frozenset({ReminderStatus.DONE, ReminderStatus.WAITING}),
    ReminderStatus.DONE: frozenset({ReminderStatus.WAITING}),
}


def require_transition(current: ReminderStatus, wanted: ReminderStatus) -> None:
    """Raise IllegalTransition (409) unless `wanted` may follow `current`."""
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(current, wanted, TRANSITIONS[current])


def require_ahead(remind_at: datetime, now: datetime) -> None:
    """Raise Invalid (422) for a time that has passed."""
    if remind_at <= now:
        raise Invalid("/remind_at", "has passed")
