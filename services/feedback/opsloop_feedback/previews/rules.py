"""What a changed rule moves: posts sorted with it and without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from opsloop_feedback.sorting.rules import Sorted, Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage_rules.rules import TeamRule

LOOKED_AT = 1_000
SHOWN = 100
FIELDS = ("kind", "severity", "area", "tags")


@dataclass(frozen=True)
class Moved:
    """A post that would be sorted otherwise."""

    feedback_id: UUID
    number: int
    now: Sorted
    then: Sorted

    @property
    def fields(self) -> list[str]:
        """Return what differs."""
        return [name for name in FIELDS if getattr(self.now, name) != getattr(self.then, name)]


@dataclass(frozen=True)
class Preview:
    """How many posts were looked at, how many would be otherwise, in which fields, and the first of them."""

    looked_at: int
    moved: int
    fields: dict[str, int]
    items: list[Moved]


def with_rule(sorter: Sorter, rules: Sequence[tuple[int, TeamRule]], rule: tuple[int, TeamRule] | None) -> Sorter:
    """Return a sorter with one rule more, in its place among the others."""
    placed = sorted([*rules, *([rule] if rule is not None else [])], key=lambda each: (each[0], each[1].id))
    return replace(sorter, rules=tuple(each for _, each in placed))


def moved(post: tuple[UUID, int, Submission], *, now: Sorter, then: Sorter) -> Moved | None:
    """Return what a post would be otherwise, None where it stays."""
    feedback_id, number, said = post
    found = Moved(feedback_id, number, now.sort(said), then.sort(said))
    return found if found.fields else None


def preview_of(found: Iterable[Moved | None]) -> Preview:
    """Return what all of them come to."""
    all_of_them = list(found)
    those = [each for each in all_of_them if each is not None]
    counted = Counter(name for each in those for name in each.fields)
    return Preview(len(all_of_them), len(those), {name: counted[name] for name in FIELDS}, those[:SHOWN])
