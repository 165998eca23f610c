"""Whose answers are compared, and how sure a difference between those who left and those who stayed is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import Cell

_Z = NormalDist().inv_cdf(0.975)
"""Of 100 intervals some 95 hold the true value."""


@dataclass(frozen=True)
class Answer:
    """What counts as an answer: a field of the events that match."""

    given: EventFilter
    field: str

    @property
    def label(self) -> str:
        """Return what to call it."""
        return self.given.label or self.field.removeprefix("properties.")


@dataclass(frozen=True)
class Churn:
    """A question: who is active, after how long a silence somebody has left or by which event, and what they answered."""

    activity: EventFilter
    inactive_for: timedelta
    left: EventFilter | None
    answers: tuple[Answer, ...]
    min_people: int = 5
    limit: int = 100


class People(NamedTuple):
    """How many are `left`, `stayed` or `undecided`, and how many of them answered anything."""

    state: str
    people: int
    answered: int


class Given(NamedTuple):
    """How many of both gave the answer numbered `answer` the value; without a value: how many values too few people gave."""

    answer: int
    value: str
    left: int
    stayed: int
    values: int


@dataclass(frozen=True)
class Reason:
    """An answer, and which part gave it of those who left and of those who stayed; None where there are none of these."""

    label: str
    value: str
    left: int
    stayed: int
    left_share: float | None
    stayed_share: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    lift: float | None


@dataclass(frozen=True)
class Reasons:
    """An answer: who left, and the answers, the one that sets them apart most first; `left_out` values had too few people."""

    people: int
    left: int
    stayed: int
    undecided: int
    churn_rate: float | None
    silent: float | None
    rows: list[Reason]
    left_out: int


def counted(people: Iterable[People]) -> Mapping[str, People]:
    """Return the people of each state, also of those in which nobody is."""
    return {state: People(state, 0, 0) for state in ("left", "stayed", "undecided")} | {
        each.state: each for each in people
    }


def reasons_of(churn: Churn, people: Mapping[str, People], given: Iterable[Given]) -> Reasons:
    """Return the answer; `people` are those of each state, `given` is in its order."""
    left, stayed, undecided = (people[state].people for state in ("left", "stayed", "undecided"))
    rows: list[Reason] = []
    left_out = 0
    for each in given:
        if each.value:
            rows.append(_reason(churn.answers[each.answer].label, each, left, stayed))
        else:
            left_out += each.values
    return Reasons(
        people=left + stayed + undecided,
        left=left,
        stayed=stayed,
        undecided=undecided,
        churn_rate=_share(left, left + stayed),
        silent=_share(left - people["left"].answered, left),
        rows=rows[: churn.limit],
        left_out=left_out,
    )


def _reason(label: str, given: Given, left: int, stayed: int) -> Reason:
    of_left, of_stayed = _share(given.left, left), _share(given.stayed, stayed)
    low, high = difference_within(given.left, left, given.stayed, stayed)
    return Reason(
        label=label,
        value=given.value,
        left=given.left,
        stayed=given.stayed,
        left_share=of_left,
        stayed_share=of_stayed,
        difference=None if of_left is None or of_stayed is None else of_left - of_stayed,
        difference_low=low,
        difference_high=high,
        lift=None if of_left is None or not of_stayed else of_left / of_stayed,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def share_within(part: int, whole: int) -> tuple[float, float]:
    """Return between which shares the true one lies (95 %), by Wilson's score; `whole` is above 0."""
    share, square = part / whole, _Z * _Z
    middle = share + square / (2 * whole)
    spread = _Z * sqrt(share * (1 - share) / whole + square / (4 * whole * whole))
    scale = 1 + square / whole
    return max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0)


def difference_within(one: int, of_one: int, other: int, of_other: int) -> tuple[float | None, float | None]:
    """Return between which numbers the true difference of two shares lies (95 %), by Newcombe's method 10; of nobody None.

    R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17 (1998).
    """
    if not of_one or not of_other:
        return None, None
    first, second = one / of_one, other / of_other
    (low, high), (other_low, other_high) = share_within(one, of_one), share_within(other, of_other)
    below = sqrt((first - low) ** 2 + (other_high - second) ** 2)
    above = sqrt((high - first) ** 2 + (second - other_low) ** 2)
    return first - second - below, first - second + above


COLUMNS: Sequence[str] = tuple(Reason.__dataclass_fields__)


def as_table(answer: Reasons) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each answer."""
    return list(COLUMNS), [[getattr(row, name) for name in COLUMNS] for row in answer.rows]
