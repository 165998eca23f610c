"""How clocks run: in working time of a calendar, standing still while we wait for the author or for a later day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from opsloop_feedback.calendars import rules as calendars
from opsloop_feedback.calendars.rules import Calendar
from opsloop_feedback.sla_policies.rules import Target
from opsloop_feedback.states.rules import FINISHED, Status


class ClockStatus(StrEnum):
    """How it is with a clock. One that is breached ends when what it ran for comes, late; `cancelled` is told of in no report."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    CANCELLED = "cancelled"


class Turn(StrEnum):
    """What has just happened between the author and us."""

    NONE = "none"
    REPLIED = "replied"
    ASKED = "asked"


STANDING = frozenset({Status.PENDING, Status.SNOOZED})
"""While a post is so, its clocks stand still."""


@dataclass(frozen=True)
class Subject:
    """A post as its clocks see it. `finished_at` is when it was resolved, or now."""

    id: UUID
    number: int
    status: Status
    severity: str
    team: str | None
    assignee: str | None
    created_at: datetime
    first_replied_at: datetime | None
    finished_at: datetime
    document: Mapping[str, Any]
    spoken_at: datetime | None = None
    """When we replied, where that is heard of later."""


@dataclass(frozen=True)
class Ticking:
    """A clock: how much working time it allows, after how much it warns, how much was spent until `since`, from when on it runs.

    `since` None: it stands still.
    """

    allowed: timedelta
    warns_after: timedelta
    spent: timedelta
    since: datetime | None

    def paused(self, calendar: Calendar, now: datetime) -> Ticking:
        """Return the clock as it stands still from a moment on."""
        if self.since is None:
            return self
        return replace(self, spent=self.spent + calendars.elapsed(calendar, self.since, now), since=None)

    def resumed(self, now: datetime) -> Ticking:
        """Return the clock as it runs from a moment on."""
        return self if self.since is not None else replace(self, since=now)

    def due_at(self, calendar: Calendar) -> datetime | None:
        """Return when what it allows is spent; None while it stands still, or when that is further off than anybody plans."""
        return self._reaches(self.allowed, calendar)

    def warns_at(self, calendar: Calendar) -> datetime | None:
        """Return when it warns."""
        return self._reaches(self.warns_after, calendar)

    def _reaches(self, spent: timedelta, calendar: Calendar) -> datetime | None:
        if self.since is None:
            return None
        return calendars.due_at(calendar, self.since, max(spent - self.spent, timedelta()))


def turn_of(before: Status, after: Status) -> Turn:
    """Return what a change of state says: who leaves what was finished, or waited for its author, is asked again by that."""
    left = before in FINISHED or before is Status.PENDING
    return Turn.ASKED if left and after in (Status.NEW, Status.OPEN, Status.SNOOZED) else Turn.NONE


def ends_at(target: Target, subject: Subject, turn: Turn, now: datetime) -> datetime | None:
    """Return when what a clock runs for came, None when it did not."""
    match target:
        case Target.FIRST_REPLY:
            return subject.first_replied_at
        case Target.NEXT_REPLY:
            return (subject.spoken_at or now) if turn is Turn.REPLIED else None
    return subject.finished_at if subject.status in FINISHED else None


def is_moot(target: Target, status: Status) -> bool:
    """Say whether nobody waits for a target any more: of what is finished nobody waits for a reply, of what was merged for nothing."""
    return status is Status.MERGED or (status in FINISHED and target is not Target.RESOLUTION)


def wanted(subject: Subject) -> tuple[Target, ...]:
    """Return what the author of a post waits for who has asked, for the first time or again."""
    reply = Target.FIRST_REPLY if subject.first_replied_at is None else Target.NEXT_REPLY
    return (reply, Target.RESOLUTION)


def nearest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest of some moments, None when there is none."""
    return min((moment for moment in moments if moment is not None), default=None)
