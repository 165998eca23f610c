"""The time an insight looks at, and its intervals, in the zone of those who ask.

An interval is an hour, day, week or month of that zone: a day has 23 or 25 hours when clocks change. Python names the edges, the
store only says into which interval, counted from the first, a time falls; both mean the same because both count days of the zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from opsloop_common.clock import rfc3339
from opsloop_common.conditions import Condition
from opsloop_common.errors import Invalid
from opsloop_metrics.store.port import milliseconds

MOST_INTERVALS = 1_000
TICK = timedelta(microseconds=1)
USUAL_DAYS = 30
"""So many days an insight looks at that does not say from when."""
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""What can be asked for: more than can be told, and far enough from the calendar's ends for whatever is read around it."""


class Interval(StrEnum):
    """How long an interval is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class WeekStart(StrEnum):
    """With which day a week begins."""

    MONDAY = "monday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


_WEEKDAYS = {WeekStart.MONDAY: 0, WeekStart.SATURDAY: 5, WeekStart.SUNDAY: 6}


@dataclass(frozen=True)
class EventFilter:
    """Which events: those of a name (None: whatever people did), for which all conditions hold."""

    event: str | None = None
    where: tuple[Condition, ...] = ()
    label: str | None = None

    @property
    def name(self) -> str:
        """Return what to call it."""
        return self.label or self.event or "*"


@dataclass(frozen=True)
class Frame:
    """What an insight looks at: `start` inclusive to `end` exclusive, both aware, in intervals of a zone.

    `edges` are the starts of the intervals that the time touches, and the end of the last. `has_merges`: some of the workspace's
    people turned out to be others, so that the store has to ask whom an event is of. `lighter`: what to ask for where this is too heavy.
    """

    workspace: str
    zone: str
    week_start: WeekStart
    interval: Interval
    start: datetime
    end: datetime
    now: datetime
    where: tuple[Condition, ...] = ()
    include_filtered: bool = False
    has_merges: bool = True
    lighter: str = "a shorter time"

    @property
    def edges(self) -> tuple[datetime, ...]:
        """Return the starts of all intervals, and the end of the last."""
        return edges(self.start, self.end, self.interval, self.zone, self.week_start)

    @property
    def labels(self) -> list[str]:
        """Return the starts of all intervals, RFC 3339 in UTC."""
        return [rfc3339(edge) for edge in self.edges[:-1]]

    @property
    def incomplete_from(self) -> int | None:
        """Return the place of the first interval that ends after now or after `end`, None when all are over."""
        last = min(self.now, self.end)
        return next((place for place, end in enumerate(self.edges[1:]) if end > last), None)

    def aligned(self) -> Frame:
        """Return the frame that begins with its first interval, so that this is not cut. `end` stays where it is."""
        return replace(self, start=self.edges[0])

    def before(self, intervals: int) -> datetime:
        """Return the start of the interval that is so many before the first."""
        return steps(self.edges[0], -intervals, self.interval, self.zone)


@runtime_checkable
class Timed(Protocol):
    """A question about a time."""

    def frame(self, *, now: datetime, zone: str, week_start: WeekStart) -> Frame:
        """Return that time, in a zone and weeks where it names none; raises Invalid."""
        ...

    def until(self, at: datetime, *, days: int | None) -> BaseModel:
        """Return the question as it is asked at a time, of so many days, where it does not say itself until and from when."""
        ...


def frame_of(
    *,
    workspace: str,
    now: datetime,
    zone: str,
    week_start: WeekStart,
    interval: Interval | None,
    start: date | datetime | None,
    end: date | datetime | None,
    days: int = USUAL_DAYS,
    by_day: bool = False,
    **rest: object,
) -> Frame:
    """Return the frame of a query. A date means the zone's whole day, `end` included; an instant as `end` does not count.

    Without `end` it is until now, without `start` so many `days`, the last of them that of the end. What has no interval may be as
    long as the calendar; `by_day`: its days are counted, whatever the interval. Raises Invalid for a time that ends before it begins
    or has too many intervals.
    """
    require_years({"/from": start, "/to": end})
    until = instant(end, zone, whole_day=True) if end is not None else now
    if start is None:
        last = moved(until, -TICK).astimezone(ZoneInfo(zone)).date()  # at midnight the day that is over
        since = midnight(last - timedelta(days=days - 1), zone)
    else:
        since = instant(start, zone, whole_day=False)
    if since >= until:
        raise Invalid("/to", "has to be after from")
    if by_day and apart(since, until, Interval.DAY, zone) > MOST_INTERVALS:
        said = "this is counted day by day, whatever the interval"
        raise Invalid("/from", f"has to be at most {MOST_INTERVALS:,} days before to: {said}")
    if interval is not None and apart(since, until, interval, zone) > MOST_INTERVALS:
        less = "a later from" if interval is Interval.MONTH else "a longer interval or a later from"
        raise Invalid("/interval", f"from and to may be at most {MOST_INTERVALS:,} intervals apart; take {less}")
    return Frame(
        workspace=workspace, zone=zone, week_start=week_start, interval=interval or Interval.DAY, start=since, end=until, now=now,
        **rest,  # type: ignore[arg-type]
    )  # fmt: skip


def require_years(times: Mapping[str, date | datetime | None]) -> None:
    """Raise Invalid for times beyond the years that can be asked for, by their pointers."""
    for pointer, given in times.items():
        if given is not None and not FIRST_YEAR <= given.year <= LAST_YEAR:
            raise Invalid(pointer, f"has to lie in the years from {FIRST_YEAR} to {LAST_YEAR}")


def apart(start: datetime, end: datetime, interval: Interval, zone: str) -> int:
    """Return how many intervals of the calendar there are from a time to another, a part as a whole one.

    Raises Invalid for times that the zone's calendar does not have.
    """
    if interval is Interval.HOUR:
        return -((start - end) // timedelta(hours=1))
    try:
        (first, since), (last, until) = _local(start, zone), _local(end, zone)
    except OverflowError as error:
        raise Invalid("/from" if start.year == 1 else "/to", "is beyond what can be counted") from error
    if interval is Interval.MONTH:
        months = (last.year - first.year) * 12 + last.month - first.month
        return months + ((last.day, until) > (first.day, since))
    days = (last - first).days + (until > since)
    return -(-days // 7) if interval is Interval.WEEK else days


def is_midnight(at: datetime, zone: str) -> bool:
    """Say whether a day of a zone begins then; where clocks skip midnight, when they go on."""
    return at == midnight(at.astimezone(ZoneInfo(zone)).date(), zone)


def _local(at: datetime, zone: str) -> tuple[date, time]:
    local = at.astimezone(ZoneInfo(zone))
    return local.date(), time() if is_midnight(at, zone) else local.time()


def instant(given: date | datetime, zone: str, *, whole_day: bool) -> datetime:
    """Return when a time begins in a zone; of a day where it begins, or with `whole_day` where it is over."""
    if isinstance(given, datetime):
        return given.astimezone(UTC)
    return midnight(given + timedelta(days=1) if whole_day else given, zone)


def moved(at: datetime, by: timedelta) -> datetime:
    """Return a time so much later (or earlier), but no further than the calendar goes: nothing happened beyond it."""
    try:
        return at + by
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if by < timedelta() else datetime.max.replace(tzinfo=UTC)


def midnight(day: date, zone: str) -> datetime:
    """Return when a day begins in a zone; where clocks skip midnight, when they go on. At the calendar's ends no further than these."""
    local = datetime.combine(day, time(), ZoneInfo(zone))
    try:
        return local.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if day.year == 1 else datetime.max.replace(tzinfo=UTC)


def day_after(day: date) -> date:
    """Return the next day; of the calendar's last day itself."""
    return day if day == date.max else day + timedelta(days=1)


def share_passed(start: datetime, end: datetime, now: datetime) -> float:
    """Return the share of a time that has passed, 0 to 1; a day that a zone left out has no length, and has passed when it is reached."""
    return min(max((now - start) / (end - start), 0.0), 1.0) if start < end else float(now >= end)


def floor(at: datetime, interval: Interval, zone: str, week_start: WeekStart) -> datetime:
    """Return the start of the interval in which a time lies."""
    local = at.astimezone(ZoneInfo(zone))
    if interval is Interval.HOUR:
        # wall clocks of some zones stand at the half hour, and an hour may come twice: counted from where the clock's hour began
        return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return midnight(first_day(local.date(), interval, week_start), zone)


def first_day(day: date, interval: Interval, week_start: WeekStart) -> date:
    """Return the first day of the interval in which a day lies."""
    if interval is Interval.WEEK:
        return day - timedelta(days=(day.weekday() - _WEEKDAYS[week_start]) % 7)
    return day.replace(day=1) if interval is Interval.MONTH else day


def steps(edge: datetime, count: int, interval: Interval, zone: str) -> datetime:
    """Return the start of the interval that is `count` after the one that begins at `edge`."""
    if interval is Interval.HOUR:
        return edge + timedelta(hours=count)
    day = edge.astimezone(ZoneInfo(zone)).date()
    if interval is Interval.MONTH:
        months = day.year * 12 + day.month - 1 + count
        return midnight(date(months // 12, months % 12 + 1, 1), zone)
    return midnight(day + timedelta(days=count * (7 if interval is Interval.WEEK else 1)), zone)


def edges(start: datetime, end: datetime, interval: Interval, zone: str, week_start: WeekStart) -> tuple[datetime, ...]:
    """Return the starts of the intervals that `[start, end)` touches, and the end of the last."""
    found = [floor(start, interval, zone, week_start)]
    while found[-1] < end:
        found.append(steps(found[-1], 1, interval, zone))
    return tuple(found)


def interval_sql(frame: Frame, time: str, since: datetime | None = None) -> str:
    """Return SQL for the place of a time's interval, 0 for the one that begins at `since` (default: the frame's first).

    `time` is SQL of a DateTime64. Times before `since` have places below 0.
    """
    first = since or frame.edges[0]
    zone = f"'{frame.zone}'"  # checked against the list of zones
    if frame.interval is Interval.HOUR:
        return f"toInt32(floor((toUnixTimestamp64Milli({time}) - {milliseconds(first)}) / 3600000))"
    day = first.astimezone(ZoneInfo(frame.zone)).date().isoformat()
    match frame.interval:
        case Interval.DAY:
            return f"toInt32(toDate32({time}, {zone})) - toInt32(toDate32('{day}'))"
        case Interval.WEEK:
            return f"toInt32(floor((toInt32(toDate32({time}, {zone})) - toInt32(toDate32('{day}'))) / 7))"
    return f"toInt32(toRelativeMonthNum(toDate32({time}, {zone}))) - toInt32(toRelativeMonthNum(toDate32('{day}')))"


def filled(frame: Frame, found: Sequence[tuple[int, float]], *, empty: float = 0) -> list[float]:
    """Return one value for each interval of the frame, from pairs of place and value."""
    values = [empty] * (len(frame.edges) - 1)
    for place, value in found:
        if 0 <= place < len(values):
            values[place] = value
    return values
