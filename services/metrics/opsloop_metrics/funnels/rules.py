"""How a funnel's numbers become an answer (docs/insights.md §4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean, median

from opsloop_metrics.steps.rules import Entrant, Funnel, is_in_progress

MOST_BINS = 60
OTHER = "$other"
"""The breakdown value of all that are not shown."""


@dataclass(frozen=True)
class StepNumbers:
    """What is counted of a step; seconds since the step before, None where nobody did it."""

    count: int
    in_progress: int
    average_seconds: float | None
    median_seconds: float | None


@dataclass(frozen=True)
class StepResult:
    """A step in the answer."""

    label: str
    count: int
    from_first: float | None
    from_previous: float | None
    dropped: int
    average_seconds: float | None
    median_seconds: float | None
    in_progress: int


@dataclass(frozen=True)
class Bin:
    """How many took from `from_seconds` to less than `to_seconds`."""

    from_seconds: int
    to_seconds: int
    count: int


@dataclass(frozen=True)
class Conversion:
    """How long those took who did the last step."""

    average_seconds: float | None
    median_seconds: float | None
    bins: list[Bin]


@dataclass(frozen=True)
class Part:
    """The funnel of one breakdown value."""

    value: str
    steps: list[StepResult]


@dataclass(frozen=True)
class Result:
    """A funnel's answer."""

    steps: list[StepResult]
    time_to_convert: Conversion
    breakdown: list[Part] | None


class Tally:
    """Counts entrants, one by one."""

    def __init__(self, funnel: Funnel) -> None:
        self._funnel = funnel
        self._counts = [0] * len(funnel.steps)
        self._waiting = [0] * len(funnel.steps)
        self._taken: list[list[float]] = [[] for _ in funnel.steps]
        self._whole: list[float] = []

    def add(self, entrant: Entrant) -> None:
        """Count one."""
        last = len(self._funnel.steps) - 1
        for number in range(last + 1):
            if entrant.has_done(number):
                self._counts[number] += 1
                if number:
                    self._taken[number].append(entrant.seconds(self._funnel.before(number), number))
            elif number and is_in_progress(self._funnel, entrant, number):
                self._waiting[number] += 1
        if entrant.has_done(last):
            self._whole.append(entrant.seconds(0, last))

    def steps(self) -> list[StepResult]:
        """Return the steps of those that were counted."""
        middles = [(fmean(taken), median(taken)) if taken else (None, None) for taken in self._taken]
        rows = zip(self._counts, self._waiting, middles, strict=True)
        return steps_of(self._funnel, [StepNumbers(count, waiting, *middle) for count, waiting, middle in rows])

    def conversion(self) -> Conversion:
        """Return how long those took who did the last step."""
        if not self._whole:
            return Conversion(None, None, [])
        count = bins_of(len(self._whole))
        start, width = bin_edges(count, min(self._whole), max(self._whole))
        counts = [0] * (count + 1)
        for each in self._whole:
            counts[int((each - start) // width)] += 1
        return Conversion(fmean(self._whole), median(self._whole), bins(start, width, counts))


def steps_of(funnel: Funnel, numbers: Sequence[StepNumbers]) -> list[StepResult]:
    """Return the steps as they are told: shares of the first step and of the one before, and who dropped out."""
    found: list[StepResult] = []
    for number, (label, own) in enumerate(zip(funnel.labels, numbers, strict=True)):
        before = numbers[funnel.before(number)].count if number else own.count
        found.append(
            StepResult(
                label=label,
                count=own.count,
                from_first=own.count / numbers[0].count if numbers[0].count else None,
                from_previous=own.count / before if before else None,
                dropped=before - own.count - own.in_progress,
                average_seconds=own.average_seconds,
                median_seconds=own.median_seconds,
                in_progress=own.in_progress,
            )
        )
    return found


def bins_of(count: int) -> int:
    """Return how many bins so many times have, the one at the end apart."""
    return next((each for each in range(1, MOST_BINS) if each**3 >= count), MOST_BINS)


def bin_edges(count: int, least: float, most: float) -> tuple[int, int]:
    """Return where the first of so many bins begins and how wide each is, in seconds."""
    start = int(least // 1)
    return start, -(-(ceil(most) - start) // count) or 60


def bins(start: int, width: int, counts: Sequence[int]) -> list[Bin]:
    """Return bins side by side."""
    return [Bin(start + place * width, start + (place + 1) * width, count) for place, count in enumerate(counts)]


def shown_parts(by_value: Mapping[str, Sequence[Entrant]], limit: int) -> list[tuple[str, Sequence[Entrant]]]:
    """Return the values with most entrants, and the rest as one."""
    ranked = sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0]))
    rest = [each for _, own in ranked[limit:] for each in own]
    return [*ranked[:limit], (OTHER, rest)] if rest else ranked


def as_table(result: Result) -> tuple[list[str], list[list[str | int | float | None]]]:
    """Return an answer as a table, a row a step: names of columns, rows. Of the whole the value is empty."""
    names = ["value", "step", *StepResult.__dataclass_fields__]
    parts = [Part("", result.steps), *(result.breakdown or ())]
    return names, [
        [part.value, number, *(getattr(step, name) for name in names[2:])]
        for part in parts
        for number, step in enumerate(part.steps, 1)
    ]
