"""What retention asks, what of it makes sense, and how counts become an answer (docs/insights.md §5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from opsloop_common.errors import Invalid
from opsloop_metrics.insights.periods import EventFilter, Frame, Interval, steps

MOST_CELLS = 50_000
OTHER = "$other"
DAY = timedelta(hours=24)
_UTC = "%Y-%m-%dT%H:%M:%SZ"


class RetentionMode(StrEnum):
    """In which rows a person is: of each start event, of the first that matches, or of the first of its name if that matches."""

    RECURRING = "recurring"
    FIRST_TIME = "first_time"
    FIRST_EVER = "first_ever"


@dataclass(frozen=True)
class Breakdown:
    """By which field of the start event to divide; how many values are shown."""

    field: str
    limit: int = 10


@dataclass(frozen=True)
class Retention:
    """Retention as it is asked: who did `start`, and did `back` in later intervals."""

    start: EventFilter
    back: EventFilter
    periods: int = 11
    mode: RetentionMode = RetentionMode.RECURRING
    rolling: bool = False
    windows_24h: bool = False
    min_occurrences: int = 1
    breakdown: Breakdown | None = None


@dataclass(frozen=True)
class Chosen:
    """Some of a row, which may be of one breakdown value: who came back in a column, or who did not."""

    row: int
    column: int
    retained: bool = True
    value: str | None = None


class Counted(NamedTuple):
    """How many of a row have a column. `rank` is the place of a breakdown value. Rolling: the last column that they have."""

    rank: int
    value: str | None
    row: int
    column: int
    people: int


@dataclass(frozen=True)
class Cell:
    """How many of a cohort came back in a column; `share` of nobody is None, and 0 of what has not begun."""

    count: int
    share: float | None
    has_begun: bool
    is_complete: bool


@dataclass(frozen=True)
class Cohort:
    """Who began in the interval from `start`, with a breakdown value if that was asked."""

    start: datetime
    breakdown: str | None
    size: int
    values: list[Cell]


@dataclass(frozen=True)
class Result:
    """Rows by start and value, and the mean share of each column."""

    cohorts: list[Cohort]
    average: list[float | None]


def require_sound(frame: Frame, asked: Retention) -> None:
    """Raise Invalid for what cannot be meant, or is more than one may ask."""
    if asked.windows_24h and frame.interval is not Interval.DAY:
        raise Invalid("/windows_24h", "windows of 24 hours go with the interval day")
    values = asked.breakdown.limit + 1 if asked.breakdown else 1
    if (len(frame.edges) - 1) * values * asked.periods > MOST_CELLS:
        detail = f"intervals, periods and breakdown values may make at most {MOST_CELLS} cells together"
        raise Invalid("/periods", detail)


def row_of(frame: Frame, cohort: date | datetime) -> int:
    """Return the place of the row that begins at a time, or first on a day of the zone; raises Invalid if none does."""
    starts: Sequence[date] = frame.edges[:-1]
    if not isinstance(cohort, datetime):
        starts = [edge.astimezone(ZoneInfo(frame.zone)).date() for edge in frame.edges[:-1]]
    if cohort not in starts:
        raise Invalid("/cohort", "must be the start of a cohort, as the answer has it")
    return starts.index(cohort)


def edges_of(frame: Frame, asked: Retention) -> list[datetime]:
    """Return the starts of all rows' and columns' intervals, and the end of the last."""
    first, count = frame.edges, asked.periods - 1
    return [*first, *(steps(first[-1], each + 1, frame.interval, frame.zone) for each in range(count))]


def answered(frame: Frame, asked: Retention, counted: Iterable[Counted]) -> Result:
    """Return the answer from what was counted."""
    # without a breakdown there is one value, whoever is in it
    values: dict[int, str | None] = {} if asked.breakdown else {0: None}
    table: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * asked.periods)
    for each in counted:
        values[each.rank] = each.value
        table[each.row, each.rank][each.column] += each.people
    edges = edges_of(frame, asked)
    cohorts = [
        _cohort(edges, row, value, table[row, rank], frame, asked)
        for row in range(len(frame.edges) - 1)
        for rank, value in sorted(values.items())
    ]
    return Result(cohorts, [_average(cohorts, column) for column in range(asked.periods)])


def _cohort(
    edges: Sequence[datetime], row: int, value: str | None, counts: list[int], frame: Frame, asked: Retention
) -> Cohort:
    size, *later = counts
    if asked.rolling:
        later = list(accumulate(reversed(later)))[::-1]
    cells = []
    for column, count in enumerate([size, *later]):
        if asked.windows_24h:  # from the first moment at which somebody's may begin to the last at which one may end
            begin, end = edges[row] + column * DAY, edges[row + 1] + (column + 1) * DAY
        else:
            begin, end = edges[row + column], edges[row + column + 1]
        cells.append(Cell(count, count / size if size else None, begin <= frame.now, end <= frame.now))
    return Cohort(edges[row], value, size, cells)


def _average(cohorts: Sequence[Cohort], column: int) -> float | None:
    complete = [each for each in cohorts if each.values[column].is_complete]
    size = sum(each.size for each in complete)
    return sum(each.values[column].count for each in complete) / size if size else None


def as_table(result: Result) -> tuple[list[str], list[list[str | int | float | None]]]:
    """Return an answer as a table, a row a cell: names of columns, rows."""
    names = ["start", "breakdown", "size", "period", "count", "share", "has_begun", "is_complete"]
    return names, [
        [
            row.start.strftime(_UTC),
            row.breakdown,
            row.size,
            column,
            cell.count,
            cell.share,
            str(cell.has_begun).lower(),
            str(cell.is_complete).lower(),
        ]
        for row in result.cohorts
        for column, cell in enumerate(row.values)
    ]
