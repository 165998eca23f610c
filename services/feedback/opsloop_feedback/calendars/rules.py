"""Working time: several windows a day by the clock on the wall of a place, days off, and days that work like another.

It is working time whenever that clock shows so. Where clocks go back, what it shows twice counts twice; what it leaves out does not
count. Nothing is rounded: the minute counter of the tests and these rules come to the same second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from opsloop_common.errors import Invalid
from opsloop_common.limits import CALENDAR_DATES

LONGEST_WAIT = timedelta(days=1_100)
"""So far ahead working time is looked for: three years, in 10 ms. What is due later is due at no time that anybody plans with."""
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)

Window = tuple[int, int]
"""From a minute of the day until another, which is no part of it; 1,440 is its end."""


class Weekday(StrEnum):
    """Days of the week, in the order in which Python numbers them."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


WEEK = tuple(Weekday)


@dataclass(frozen=True)
class Calendar:
    """Windows of each day of the week from Monday on, and of days that are unlike their weekday: in order, none touching the next."""

    zone: ZoneInfo
    week: tuple[tuple[Window, ...], ...]
    special: Mapping[date, tuple[Window, ...]]

    def windows(self, day: date) -> tuple[Window, ...]:
        """Return when is worked on a day."""
        found = self.special.get(day)
        return self.week[day.weekday()] if found is None else found


ALWAYS = Calendar(ZoneInfo("UTC"), (((0, 1_440),),) * 7, {})
"""Round the clock: whoever names no calendar."""


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _joined(windows: Sequence[Mapping[str, Any]]) -> tuple[Window, ...]:
    """Return windows in order; those that touch or overlap are one."""
    joined: list[Window] = []
    for start, end in sorted((_minute(one["start"]), _minute(one["end"])) for one in windows):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def read_calendar(time_zone: str, week: Sequence[Mapping[str, Any]], days: Sequence[Mapping[str, Any]]) -> Calendar:
    """Return a calendar as it is stored; of special days that overlap the last counts."""
    usual = tuple(_joined([one for one in week if weekday in one["days"]]) for weekday in WEEK)
    special: dict[date, tuple[Window, ...]] = {}
    for one in days:
        works_as = one["works_as"]
        windows = _joined(one["windows"]) if works_as is None else usual[WEEK.index(Weekday(works_as))]
        for day in days_of(one):
            special[day] = windows
    return Calendar(ZoneInfo(time_zone), usual, special)


def days_of(special: Mapping[str, Any]) -> list[date]:
    """Return the days that an entry is about."""
    first, last = date.fromisoformat(special["first_day"]), date.fromisoformat(special["last_day"])
    return [first + number * _DAY for number in range((last - first).days + 1)]


def require_few(days: Sequence[Mapping[str, Any]]) -> None:
    """Raise Invalid (422) for more special days than are gone through at once."""
    if sum(len(days_of(one)) for one in days) > CALENDAR_DATES:
        raise Invalid("/days", f"must be about at most {CALENDAR_DATES} days in all")


def due_at(calendar: Calendar, start: datetime, working: timedelta) -> datetime | None:
    """Return when so much working time will have passed since a moment; None when that is further off than anybody plans."""
    left = working
    for begin, end in _spans(calendar, start, start + LONGEST_WAIT):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return None


def elapsed(calendar: Calendar, since: datetime, until: datetime) -> timedelta:
    """Return how much working time passed between two moments, none when they are the wrong way round."""
    return sum((end - begin for begin, end in _spans(calendar, since, until)), timedelta())


def is_open(calendar: Calendar, now: datetime) -> bool:
    """Say whether a moment is working time."""
    local = now.astimezone(calendar.zone)
    seconds = local.hour * 3_600 + local.minute * 60 + local.second
    return any(start * 60 <= seconds < end * 60 for start, end in calendar.windows(local.date()))


def opens_after(calendar: Calendar, now: datetime) -> datetime | None:
    """Return when working time begins next: of one that is open now, the time after. None when that is further off than anybody plans."""
    worked_until = now
    for begin, end in _spans(calendar, now, now + LONGEST_WAIT):
        if begin > worked_until:
            return begin
        worked_until = end
    return None


def _spans(calendar: Calendar, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield working time between two moments in UTC, in order."""
    for begin, end, offset in _stretches(calendar.zone, since.astimezone(UTC), until.astimezone(UTC)):
        shown_first, shown_last = (begin + offset).replace(tzinfo=None), (end + offset).replace(tzinfo=None)
        day = shown_first.date()
        while (midnight := datetime.combine(day, time())) < shown_last:
            for start, stop in calendar.windows(day):
                opens = max(midnight + timedelta(minutes=start), shown_first)
                closes = min(midnight + timedelta(minutes=stop), shown_last)
                if opens < closes:
                    yield (opens - offset).replace(tzinfo=UTC), (closes - offset).replace(tzinfo=UTC)
            day += _DAY


def _stretches(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield a time in pieces of at most a day over which the zone's clock keeps its distance to UTC."""
    begin = since
    while begin < until:
        end = min(begin + _DAY, until)
        offset = _offset(zone, begin)
        if _offset(zone, end) != offset:
            end = _change(zone, begin, end)
        yield begin, end, offset
        begin = end


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _change(zone: ZoneInfo, begin: datetime, end: datetime) -> datetime:
    """Return the second at which clocks change: its distance to UTC is that of `begin` before it. There is one such at most in a day."""
    offset = _offset(zone, begin)
    low, high = begin.replace(microsecond=0), end
    while high - low > _SECOND:
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high
