"""Decisions of the index: by which terms posts are looked for, and how much a term says."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from opsloop_feedback.terms.rules import is_word

MOST_PROBES = 8
PROBED_POSTS = 6_000
"""Posts that the rarest terms lead to together: what is more common is weighed, but nobody is looked for by it."""
POSTS_PER_PROBE = 2_000
ALL_POSTS = ""
"""The term that stands for all posts."""


@dataclass(frozen=True)
class Candidate:
    """A post that shares a rare term."""

    feedback_id: UUID
    tok: list[str]
    in_title: int
    is_denial: bool


@dataclass(frozen=True)
class Repeat:
    """A post that others said word for word: the oldest of them, the last before it, and the last that was there already."""

    feedback_id: UUID
    others: tuple[UUID, ...]


def turn_of(workspace: str, likeness: bytes) -> int:
    """Return the number under which those take turns that look at what is alike."""
    digest = hashlib.blake2b(likeness, key=workspace.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


@dataclass(frozen=True)
class Rarity:
    """How many posts have each of some terms, and how many posts there are."""

    posts: int
    of: Mapping[str, int] = field(default_factory=dict)

    def weight(self, token: str) -> float:
        """Return how much a term says: the logarithm of how few of the posts have it, at least about a quarter of a rare one's."""
        rare = math.log(1 + (self.posts + 1) / (self.of.get(token, 0) + 1))
        return rare * (THING_WEIGHT if token.startswith("=") else 1.0 if is_word(token) else PAIR_WEIGHT)


PAIR_WEIGHT = 0.25
"""Pairs of characters that are no word stand beside the words that they overlap."""
THING_WEIGHT = 1.3
"""What people have several names for is what they talk about."""


def probes(tokens: Iterable[str], rarity: Rarity) -> list[str]:
    """Return the rarest terms, one at least, by which no more than so many posts are looked at."""
    chosen: list[str] = []
    room = PROBED_POSTS
    for token in sorted(tokens, key=lambda token: (rarity.of.get(token, 0), token)):
        room -= min(rarity.of.get(token, 0), POSTS_PER_PROBE)
        if chosen and (room < 0 or len(chosen) == MOST_PROBES):
            break
        chosen.append(token)
    return chosen
