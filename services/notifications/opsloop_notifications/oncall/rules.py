"""Who is on call: rotations by the clock on the wall of a place, and overrides.

A rotation hands over every so many days or weeks at the same local time, so that a shift over a change of clocks is an hour longer or
shorter; hours go by as they pass. Where the change leaves the time out, the handover is as much later; where it is there twice, at the
first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo


class ShiftUnit(StrEnum):
    """What the length of shifts is counted in."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"


@dataclass(frozen=True)
class Rotation:
    """People who take turns, from a moment of a place on."""

    users: tuple[str, ...]
    begins: datetime
    """Without a zone: what the clock on the wall says."""
    zone: ZoneInfo
    unit: ShiftUnit
    length: int

    def handover(self, number: int) -> datetime:
        """Return when a shift begins, the first of all is number 0."""
        match self.unit:
            case ShiftUnit.HOURS:
                return self._moment(self.begins) + timedelta(hours=number * self.length)
            case ShiftUnit.DAYS:
                return self._moment(self.begins + timedelta(days=number * self.length))
            case ShiftUnit.WEEKS:
                return self._moment(self.begins + timedelta(weeks=number * self.length))

    def _moment(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.zone).astimezone(UTC)

    def shift_at(self, now: datetime) -> int | None:
        """Return the number of the shift that a moment is in, None before the first."""
        begins = self.handover(0)
        if now < begins:
            return None
        number = max(int((now - begins) / timedelta(**{self.unit.value: self.length})) - 1, 0)
        while self.handover(number + 1) <= now:  # a change of clocks moves it by one at most
            number += 1
        return number

    def user_at(self, now: datetime) -> str | None:
        """Return whose shift a moment is in."""
        number = self.shift_at(now)
        return None if number is None else self.users[number % len(self.users)]


@dataclass(frozen=True)
class Override:
    """Somebody takes over for a while; its end is no part of it."""

    user: str
    starts_at: datetime
    ends_at: datetime

    def covers(self, now: datetime) -> bool:
        """Say whether a moment is within."""
        return self.starts_at <= now < self.ends_at


@dataclass(frozen=True)
class Shift:
    """Somebody's time on call, without interruption."""

    user: str
    starts_at: datetime
    ends_at: datetime
    is_override: bool


def on_call(rotations: Sequence[Rotation], overrides: Sequence[Override], now: datetime) -> tuple[str, bool] | None:
    """Return who is on call and whether by an override: the last of those, else of the rotations the last that has begun."""
    for override in reversed(overrides):
        if override.covers(now):
            return override.user, True
    for rotation in reversed(rotations):
        user = rotation.user_at(now)
        if user is not None:
            return user, False
    return None


def shifts(
    rotations: Sequence[Rotation], overrides: Sequence[Override], since: datetime, until: datetime
) -> Iterator[Shift | None]:
    """Find who is on call from a moment until another, in order; times with nobody are left out.

    None stands for work without a shift at its end: five rotations of four hours and a hundred overrides are some 40 ms over a month.
    """
    edges = {since, until}
    for moments in (*(_handovers(rotation, since, until) for rotation in rotations), _ends(overrides)):
        for moment in moments:
            if since < moment < until:
                edges.add(moment)
            yield None
    last: Shift | None = None
    for begin, end in pairwise(sorted(edges)):
        who = on_call(rotations, overrides, begin)
        if last is not None and who == (last.user, last.is_override) and last.ends_at == begin:
            last = Shift(last.user, last.starts_at, end, last.is_override)
            yield None
        else:
            yield last
            last = None if who is None else Shift(who[0], begin, end, who[1])
    yield last


def _handovers(rotation: Rotation, since: datetime, until: datetime) -> Iterator[datetime]:
    number = rotation.shift_at(since) or 0
    while (moment := rotation.handover(number)) < until:
        yield moment
        number += 1


def _ends(overrides: Iterable[Override]) -> Iterator[datetime]:
    for override in overrides:
        yield from (override.starts_at, override.ends_at)
