"""Which features there are, and the numbers of each from what the store found."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import Cell


@dataclass(frozen=True)
class Features:
    """What is asked about: what matches each of `filters`, or else the `limit` values of the field `by` that most people used."""

    filters: tuple[EventFilter, ...] = ()
    by: str = "event"
    limit: int = 20
    values: tuple[str, ...] = ()

    @property
    def labels(self) -> list[str]:
        """Return what the features are called, in the order of their numbers from 1."""
        return [each.name for each in self.filters] or list(self.values)


class Counted(NamedTuple):
    """People of a feature, numbered from 1, who used it in the interval numbered `place`, or, behind the last, at all."""

    feature: int
    place: int
    people: int
    new_people: int
    events: int
    days: int


class Breadth(NamedTuple):
    """Of the people active in the interval numbered `place`, or, behind the last, at all: who used exactly so many features."""

    used: int
    place: int
    people: int


@dataclass(frozen=True)
class Feature:
    """A feature's numbers; of nobody a mean or share is None."""

    label: str
    people: int
    adoption: float | None
    new_people: int
    events: int
    events_per_person: float | None
    days_per_person: float | None
    adoption_by_interval: list[float | None]


@dataclass(frozen=True)
class Active:
    """How many people were active, in all and in each interval."""

    total: int
    by_interval: list[int]


@dataclass(frozen=True)
class Usage:
    """An answer; `breadth[n]` of the active people used exactly n of the features."""

    intervals: list[str]
    features: list[Feature]
    active: Active
    breadth: list[int]
    incomplete_from: int | None


def places_in(units: Sequence[datetime], edges: Sequence[datetime]) -> list[int]:
    """Return for each unit of time, by its start, the place of the interval that it lies in."""
    return [bisect_right(edges, unit) - 1 for unit in units]


def usage_of(
    labels: Sequence[str],
    intervals: list[str],
    counted: Iterable[Counted],
    breadth: Iterable[Breadth],
    *,
    incomplete_from: int | None,
) -> Usage:
    """Return the answer from what was counted of each feature, and of all active people."""
    found = {(each.feature, each.place): each for each in counted}
    size = len(intervals)
    active, people = [0] * (size + 1), dict[int, int]()
    for each in breadth:
        active[each.place] += each.people
        if each.place == size:
            people[each.used] = each.people
    features = [_feature(label, number, found, active) for number, label in enumerate(labels, start=1)]
    return Usage(
        intervals=intervals,
        features=sorted(features, key=lambda each: (-each.people, each.label)),
        active=Active(active[size], active[:size]),
        breadth=[people.get(used, 0) for used in range(len(labels) + 1)],
        incomplete_from=incomplete_from,
    )


def _feature(label: str, number: int, found: dict[tuple[int, int], Counted], active: Sequence[int]) -> Feature:
    size = len(active) - 1
    rows = [found.get((number, place)) or Counted(number, place, 0, 0, 0, 0) for place in range(size + 1)]
    whole = rows[size]
    shares = [_over(row.people, all_) for row, all_ in zip(rows, active, strict=True)]
    return Feature(
        label=label,
        people=whole.people,
        adoption=shares[size],
        new_people=whole.new_people,
        events=whole.events,
        events_per_person=_over(whole.events, whole.people),
        days_per_person=_over(whole.days, whole.people),
        adoption_by_interval=shares[:size],
    )


def _over(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def as_table(answer: Usage) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, the last of them the starts of intervals, and a row for each feature."""
    names = ["label", "people", "adoption", "new_people", "events", "events_per_person", "days_per_person"]
    rows: list[list[Cell]] = [
        [*(getattr(each, name) for name in names), *each.adoption_by_interval] for each in answer.features
    ]
    return [*names, *answer.intervals], rows
