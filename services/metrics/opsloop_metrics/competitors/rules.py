"""What a competitor's series is, what an answer says of it, and when it changed: pure."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

from opsloop_common.documents import read_document, surplus
from opsloop_common.errors import FieldError, Invalid
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.limits import JSON_CONTAINERS, JSON_VALUES
from opsloop_metrics.capture.rules import Refused
from opsloop_metrics.reading.rules import time_of

MOST_COMPETITORS = 200
MOST_SERIES = 500
MOST_PULLED = 100
MOST_POINTS_AT_ONCE = 1_000
MOST_ROWS = 10_000
MOST_POINTS = 100_000
MOST_ERRORS = 20
MOST_DAYS = 366
PULLED_AT_ONCE = 8
PULLED_BYTES = 256 * 1024
LEAST_EVERY, MOST_EVERY = timedelta(hours=1), timedelta(days=31)
TRIED_AGAIN = timedelta(hours=1)
CLOCK_SKEW = timedelta(minutes=5)
_POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Point:
    """A number at a time."""

    at: datetime
    value: float


@dataclass(frozen=True)
class Compared:
    """Both numbers of one day, and both with the first day that has both as 100."""

    ours: float | None
    theirs: float | None
    ours_index: float | None
    theirs_index: float | None


Row = tuple[int, str | None, str | None]
"""Its number below the head, from 1, its value and its time."""


class Unusable(ValueError):
    """An answer holds no number where there should be one; the text says why and repeats nothing of it."""


def require_source(source: Mapping[str, Any], every: timedelta) -> None:
    """Raise Invalid where a source does not say what its format needs."""
    if source["format"] == "json":
        if source["pointer"] is None:
            raise Invalid("/source/pointer", "say where the number is, such as /data/0/value")
        for name in ("pointer", "at_pointer"):
            if source[name] is not None and not _POINTER.fullmatch(source[name]):
                raise Invalid(f"/source/{name}", "must be a JSON pointer, such as /data/0/value")
    elif source["column"] is None:
        raise Invalid("/source/column", "say in which column the number is")
    others = ("column", "at_column") if source["format"] == "json" else ("pointer", "at_pointer")
    for name in others:
        if source[name] is not None:
            raise Invalid(f"/source/{name}", f"is nothing that {source['format']} has")
    if not LEAST_EVERY <= every <= MOST_EVERY:
        raise Invalid("/source/every", "is at least an hour and at most 31 days")


def read_answer(source: Mapping[str, Any], body: bytes, *, now: datetime, zone: tzinfo) -> list[Point]:
    """Return the points that an answer holds, the later of one time last; raises Unusable.

    Without a place for the time the one number (of rows the last) is of now. Of rows the last 1,000 are read.
    """
    if source["format"] == "json":
        return [_read_json(source, body, now=now, zone=zone)]
    at_column = source["at_column"]
    rows = list(_rows(body, source["column"], at_column, most=MOST_POINTS_AT_ONCE if at_column else 1))
    found: list[Point] = []
    for number, value, at in rows:
        try:
            found.append(Point(now if at_column is None else read_time(at, zone), read_number(value)))
        except ValueError as error:
            raise Unusable(f"row {number}: {error}") from error
    if not found:
        raise Unusable("the answer has no rows")
    return list({point.at: point for point in found}.values())


def _read_json(source: Mapping[str, Any], body: bytes, *, now: datetime, zone: tzinfo) -> Point:
    if surplus(body, containers=JSON_CONTAINERS, values=JSON_VALUES):
        raise Unusable("the answer has too many values")
    try:
        with reading():
            document = read_document(body)
    except Unreadable as error:
        raise Unusable("the answer is not JSON") from error
    value = find(document, source["pointer"])
    at = now if source["at_pointer"] is None else find(document, source["at_pointer"])
    try:
        return Point(at if isinstance(at, datetime) else read_time(at, zone), read_number(value))
    except ValueError as error:
        raise Unusable(str(error)) from error


def find(document: Any, pointer: str) -> Any:
    """Return what a JSON pointer names; raises Unusable."""
    found = document
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and _INDEX.fullmatch(name) and int(name) < len(found):
            found = found[int(name)]
        else:
            raise Unusable("the answer has nothing where the pointer leads")
    return found


def read_number(value: Any) -> float:
    """Return a finite number, of JSON or as a plain text; a ValueError in words for anything else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("must be a number such as 1234.5")
    return float(value)


def read_time(value: Any, zone: tzinfo) -> datetime:
    """Return the time that a value says, a day as its midnight in the zone; a ValueError in words for what says none."""
    try:
        found = time_of(value, "the time", zone)
    except Refused as refused:
        raise ValueError(refused.detail) from refused
    if found is None:
        raise ValueError("the time is missing")
    return found


def _rows(body: bytes, value_column: str, at_column: str | None, *, most: int) -> Iterable[Row]:
    """Yield (number, value, time) of the last rows of a table, counted from 1 below its head; raises Unusable."""
    try:
        with reading():
            # StringIO keeps line ends inside quotes as they are
            table = csv.DictReader(StringIO(body.decode("utf-8-sig"), newline=""))
            names = list(table.fieldnames or ())
            last = deque(enumerate(table, 1), maxlen=most)
    except Unreadable as error:
        raise Unusable("is not CSV in UTF-8") from error
    for column in (value_column, at_column):
        if column is not None and column not in names:
            raise Unusable(f"there is no column {column}")
    for number, row in last:
        yield number, row[value_column], None if at_column is None else row[at_column]


def read_table(body: bytes, *, value_column: str, at_column: str) -> list[Row]:
    """Return the rows of a table that somebody sends; raises Invalid for one that is none, empty, or too long."""
    try:
        rows = list(_rows(body, value_column, at_column, most=MOST_ROWS + 1))
    except Unusable as error:
        raise Invalid("", str(error)) from error
    if not rows:
        raise Invalid("", "has no rows")
    if len(rows) > MOST_ROWS:
        raise Invalid("", f"has more than {MOST_ROWS} rows")
    return rows


def read_row(row: Row, *, value_column: str, at_column: str, zone: tzinfo) -> Point | FieldError:
    """Return the point that a row says, or what is wrong with it."""
    number, value, at = row
    column = at_column
    try:
        time = read_time(at, zone)
        column = value_column
        return Point(time, read_number(value))
    except ValueError as error:
        return FieldError(f"/{number}/{column}", str(error))


def require_read(rows: Iterable[Point | FieldError]) -> list[Point]:
    """Return the points of rows; raises Invalid naming those that are none, at most 20 of them."""
    read = list(rows)
    if errors := [each for each in read if isinstance(each, FieldError)]:
        raise Invalid.each(errors[:MOST_ERRORS])
    return [each for each in read if isinstance(each, Point)]


def require_points(points: Sequence[Point], now: datetime, pointer: Callable[[int], str]) -> None:
    """Raise Invalid for points of one time, and for one further ahead than clocks differ; `pointer` says where a place's time stands."""
    times = Counter(point.at for point in points)
    errors = [
        FieldError(pointer(place), "is said twice" if times[point.at] > 1 else "is ahead of the server's clock")
        for place, point in enumerate(points)
        if times[point.at] > 1 or point.at > now + CLOCK_SKEW
    ]
    if errors:
        raise Invalid.each(errors[:MOST_ERRORS])


def change(previous: float, value: float) -> float | None:
    """Return (value - previous) / |previous|, 0.2 for a fifth more; null where that is no number."""
    if not previous:
        return None
    found = value / abs(previous) - previous / abs(previous)
    return found if math.isfinite(found) else None


def is_news(previous: float, value: float, least: float) -> bool:
    """Say whether a change is one to tell of: as large as `least`, or from nothing to something."""
    if value == previous:
        return False
    found = change(previous, value)
    return found is None or round(abs(found), 9) >= least


def next_pull(every: timedelta, now: datetime, *, failed: bool) -> datetime:
    """Return when to ask again: after a failure within an hour."""
    return now + (min(every, TRIED_AGAIN) if failed else every)


def compare(ours: Sequence[float | None], theirs: Sequence[float | None]) -> tuple[int | None, list[Compared]]:
    """Return the first place at which both have a number that is not 0 (null: none), and all days measured by it."""
    pairs = list(zip(ours, theirs, strict=True))
    base = next((place for place, (own, their) in enumerate(pairs) if own and their), None)
    own_base, their_base = (None, None) if base is None else pairs[base]
    return base, [Compared(own, their, _index(own, own_base), _index(their, their_base)) for own, their in pairs]


def _index(value: float | None, base: float | None) -> float | None:
    if value is None or base is None:
        return None
    found = value / base * 100
    return found if math.isfinite(found) else None


def day_of(now: datetime, zone: str) -> date:
    """Return the day that it is in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def days_between(first: date | None, last: date | None, *, today: date) -> list[date]:
    """Return the days to compare, without any said the last 90 up to today; raises Invalid."""
    last = last or (today if first is None else max(first, today))
    first = first or last - timedelta(days=89)
    if last < first:
        raise Invalid("/query/to", "is before from")
    count = (last - first).days + 1
    if count > MOST_DAYS:
        raise Invalid("/query/to", f"makes {count} days; {MOST_DAYS} fit one answer")
    return [first + timedelta(days=place) for place in range(count)]
