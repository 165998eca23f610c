"""Decisions about states: which may follow which."""

from __future__ import annotations

from enum import StrEnum

from opsloop_common.errors import IllegalTransition


class Status(StrEnum):
    """How far we are with a feedback. `pending` waits for its author, `snoozed` for a later day."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    CLOSED = "closed"
    MERGED = "merged"


_AT_WORK = frozenset({Status.OPEN, Status.PENDING, Status.SNOOZED, Status.RESOLVED, Status.CLOSED})
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.NEW: _AT_WORK,
    Status.OPEN: _AT_WORK - {Status.OPEN},
    Status.PENDING: _AT_WORK - {Status.PENDING},
    Status.SNOOZED: _AT_WORK - {Status.SNOOZED},
    Status.RESOLVED: frozenset({Status.OPEN, Status.CLOSED}),
    Status.CLOSED: frozenset({Status.OPEN}),
    # only merging leads here, and only its undo leads out
    Status.MERGED: frozenset(),
}
FINISHED = frozenset({Status.RESOLVED, Status.CLOSED})


def require_transition(current: Status, wanted: Status) -> None:
    """Raise IllegalTransition (409) unless `wanted` may follow `current`."""
    if wanted not in TRANSITIONS[current]:
        raise IllegalTransition(current, wanted, TRANSITIONS[current])


def after_reply(current: Status) -> Status:
    """Return the status after a reply to the author: what was new is now being worked on, the rest stays as it was.

    Not `pending`: whether we wait for the author, which stops clocks, is for the person who replies to say.
    """
    return Status.OPEN if current is Status.NEW else current


def after_answer(current: Status) -> Status:
    """Return the status after the author spoke again: what waited, or was finished, is to be worked on."""
    return current if current in (Status.NEW, Status.MERGED) else Status.OPEN
