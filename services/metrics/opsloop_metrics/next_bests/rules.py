"""What may be next: which items people use together, more than their being popular explains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opsloop_metrics.insights.periods import EventFilter
from opsloop_metrics.insights.tables import Cell

MOST_ITEMS = 1_000
"""So many items are compared, those that most people used: at most 499,500 pairs."""
ITEMS_A_PERSON = 200
"""So many of a person's items are compared, those used last: at most 19,900 pairs a person."""


@dataclass(frozen=True)
class NextBest:
    """A question. `item`: what goes with it; `user_id`: what goes with what this person used; neither: which pairs go together."""

    of: EventFilter
    by: str = "event"
    user_id: str | None = None
    item: str | None = None
    exclude: frozenset[str] = frozenset()
    min_people: int = 3
    limit: int = 10


@dataclass(frozen=True)
class Compared:
    """The items that are compared: their values, and how many people used each. An item's number is its place here, from 1."""

    values: tuple[str, ...]
    people: tuple[int, ...]

    def numbers(self, values: Iterable[str]) -> list[int]:
        """Return the numbers of those values that are compared, in order."""
        wanted = set(values)
        return [number for number, value in enumerate(self.values, start=1) if value in wanted]


@dataclass(frozen=True)
class Begun:
    """With which items it begins (None: with each), and which items are never proposed; numbers."""

    seeds: list[int] | None
    left_out: list[int]


def begun(compared: Compared, asked: NextBest, used: Sequence[tuple[str, bool]]) -> Begun:
    """Return where a question begins; `used` are a person's items, those used last first, and whether that was in the range."""
    left_out = set(compared.numbers(asked.exclude))
    if asked.user_id is not None:
        values = [value for value, is_in_range in used if is_in_range and value in set(compared.values)]
        seen = compared.numbers(value for value, _ in used)
        return Begun(compared.numbers(values[:ITEMS_A_PERSON]), sorted(left_out.union(seen)))
    if asked.item is not None:
        seeds = compared.numbers([asked.item])
        return Begun(seeds, sorted(left_out.union(seeds)))
    return Begun(None, sorted(left_out))


class Found(NamedTuple):
    """An item, by its number, with what it goes (0: with all that the person used), its score, and how many people used both."""

    item: int
    other: int
    score: float
    together: int


@dataclass(frozen=True)
class Proposal:
    """An item and what it goes with, None for what the person used; how many people used it, and how many both."""

    item: str
    goes_with: str | None
    score: float
    people: int
    together: int


@dataclass(frozen=True)
class Proposals:
    """An answer: `items_compared` items were compared, it begins with `begins_with` of them, None for all."""

    items_compared: int
    begins_with: int | None
    rows: list[Proposal]


def proposals(compared: Compared, start: Begun, found: Iterable[Found]) -> Proposals:
    """Return the answer; `found` is in its order."""
    rows = [
        Proposal(
            item=compared.values[each.item - 1],
            goes_with=compared.values[each.other - 1] if each.other else None,
            score=each.score,
            people=compared.people[each.item - 1],
            together=each.together,
        )
        for each in found
    ]
    return Proposals(len(compared.values), None if start.seeds is None else len(start.seeds), rows)


COLUMNS: Sequence[str] = tuple(Proposal.__dataclass_fields__)


def as_table(answer: Proposals) -> tuple[list[str], list[list[Cell]]]:
    """Return names of columns, and a row for each proposal."""
    return list(COLUMNS), [[getattr(row, name) for name in COLUMNS] for row in answer.rows]
