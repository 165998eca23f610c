"""Reads numbers over time out of what others publish: an answer in JSON or CSV, a table that somebody sends. Pure, and bounded."""

from __future__ import annotations

import csv
import math
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from io import StringIO
from typing import Any

from opsloop_common.documents import read_foreign_document, surplus
from opsloop_common.errors import FieldError, Invalid
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.known_names import NAME_CHARACTERS, unknown
from opsloop_common.limits import JSON_CONTAINERS, JSON_VALUES
from opsloop_metrics.capture.rules import Refused
from opsloop_metrics.reading.rules import time_of

MOST_READ = 1_000
"""Rows of an answer."""
MOST_ROWS = 10_000
"""Rows of a table that somebody sends."""
MOST_ERRORS = 20
MOST_COLUMNS = 100
"""So many are looked at for the nearest to one that is not there."""
POINTER = re.compile(r"(/([^~/]|~[01])*)*")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Point:
    """A number at a time."""

    at: datetime
    value: float


Row = tuple[int, str | None, str | None]
"""Its number below the head, from 1, its value and its time."""


class Unusable(ValueError):
    """An answer holds no number where there should be one; the text says why and repeats nothing of it."""


class MissingColumns(Unusable):
    """A table lacks columns that are asked for; `known` are those that it has."""

    def __init__(self, missing: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(f"there is no column {missing[0]}")
        self.missing, self.known = missing, known


def read_answer(source: Mapping[str, Any], body: bytes, *, now: datetime, zone: tzinfo) -> list[Point]:
    """Return the points that an answer holds, the later of one time last; raises Unusable.

    Without a place for the time the one number (of rows the last) is of now. Of rows the last 1,000 are read.
    """
    if source["format"] == "json":
        return [_read_json(source, body, now=now, zone=zone)]
    at_column = source["at_column"]
    rows = list(_rows(body, source["column"], at_column, most=MOST_READ if at_column else 1))
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
            document = read_foreign_document(body)
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
    missing = [column for column in (value_column, at_column) if column is not None and column not in names]
    if missing:
        raise MissingColumns(missing, names)
    for number, row in last:
        yield number, row[value_column], None if at_column is None else row[at_column]


def read_table(body: bytes, *, value_column: str, at_column: str) -> list[Row]:
    """Return the rows of a table that somebody sends; raises Invalid for one that is none, empty, or too long."""
    try:
        rows = list(_rows(body, value_column, at_column, most=MOST_ROWS + 1))
    except MissingColumns as error:
        asked = (("/at_column", at_column), ("/value_column", value_column))
        known = [name[:NAME_CHARACTERS] for name in error.known[:MOST_COLUMNS]]
        raise Invalid.each(
            FieldError(pointer, unknown(column, known, what="column of the table"))
            for pointer, column in asked
            if column in error.missing
        ) from error
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
