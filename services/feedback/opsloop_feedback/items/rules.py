"""What an item is called by, and of what about it other services are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

CLASSIFICATION = ("kind", "severity", "sentiment", "area", "tags")
ASSIGNMENT = ("assignee", "team")
FOUND_BY = ("title", "area")
"""What a post is found by and may change."""
READ_AGAIN = "feedback.read_again"
"""Due work, by the id of a post that is to be found by other words."""

PORTION_ROWS = 100
PORTION_CHARACTERS = 200_000

NaturalKey = tuple[str, str, str]
"""Source, channel and external_id: what one sender calls a post on one channel."""


@dataclass(frozen=True)
class Said:
    """What a post says, and about what."""

    id: UUID
    title: str | None
    body: str
    area: str | None
    attributes: Mapping[str, Any]


def portions(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Divide rows into portions that one statement inserts."""
    portion: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        portion.append(row)
        size += len(row["body"])
        if size > PORTION_CHARACTERS or len(portion) == PORTION_ROWS:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
