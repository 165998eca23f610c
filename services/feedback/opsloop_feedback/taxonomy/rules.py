"""Which area a text is about, by the areas' words; and which areas may belong to which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from opsloop_common.errors import Conflict
from opsloop_feedback.triage.rules import runs_of, searchable

LEVELS = 5
HAN_CHARACTERS = 8
LATIN_WORDS = 3


@dataclass(frozen=True)
class Areas:
    """The words of all areas, in one spelling, each with the areas that it speaks for."""

    by_word: Mapping[str, Sequence[str]]

    def about(self, text: str) -> tuple[str, list[str]] | None:
        """Return the area most of whose words a text has, and these; of equals the first by name. None where there is none."""
        found: dict[str, list[str]] = {}
        for word in dict.fromkeys(_pieces(text)):
            for area in self.by_word.get(word, ()):
                found.setdefault(area, []).append(word)
        if not found:
            return None
        area = min(found, key=lambda name: (-len(found[name]), name))
        return area, found[area]


def read_areas(areas: Iterable[tuple[str, Sequence[str]]]) -> Areas | None:
    """Return what posts are held against, None where no area has words."""
    by_word: dict[str, list[str]] = {}
    for name, words in areas:
        for word in words:
            by_word.setdefault(spelt(word), []).append(name)
    return Areas(by_word) if by_word else None


def spelt(word: str) -> str:
    """Return a word as it is looked for: as triage spells it, its parts divided by one blank, or by none between Chinese ones."""
    parts = list(runs_of(searchable(word)))
    joined = ""
    for part, is_han in parts:
        joined += part if not joined or is_han else f" {part}"
    return joined


def _pieces(text: str) -> Iterator[str]:
    """Return all that may be a word of an area: up to three Latin words in a row, up to eight Chinese characters."""
    latin: list[str] = []
    for part, is_han in runs_of(text):
        if is_han:
            latin = []
            for start in range(len(part)):
                for end in range(start + 1, min(start + HAN_CHARACTERS, len(part)) + 1):
                    yield part[start:end]
        else:
            latin = [*latin[-LATIN_WORDS + 1 :], part]
            for start in range(len(latin)):
                yield " ".join(latin[start:])


def require_tree(parents: Mapping[UUID, UUID | None]) -> None:
    """Raise Conflict (409) where an area would belong to itself, or lie deeper than five levels; `parents`: how it would be."""
    for start in parents:
        at: UUID | None = start
        for _ in range(LEVELS):
            at = parents.get(at) if at is not None else None
        if at is not None:
            raise Conflict(f"An area belongs to at most {LEVELS - 1} others, one above the other, and never to itself.")
