"""Decide which posts speak of one topic, and which topic is the one of last week."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from opsloop_feedback.indexing.rules import Rarity

WEEK = timedelta(days=7)
WEEKS = 5
"""This week, and the four that it is compared with."""
FEWEST = 3
"""What two people say is no topic yet."""
JOINS = 0.22
"""How alike a post and a topic are when it begins to belong to it, as the cosine of what both weigh."""
SAME = 0.24
"""How alike two topics are that are one."""
LEADS_TO = 200
"""Topics that one term leads to: of a term that more have, the latest."""
PROBES = 10
TOPIC_TERMS = 60
LABELS = 6
COMMON = 0.15
"""What a larger share of all posts says tells no topics apart."""
EXAMPLES = 5
MOST_POSTS = 100_000
MOST_CLUSTERS = 1_000
REMEMBERED = timedelta(days=90)
"""A topic that nobody speaks of any more is known for so long."""
KEPT = 0.5
"""A topic is the one of the last time while it has more than this share of that one's posts which are still looked at."""


class Order(StrEnum):
    """Orders of the list of topics."""

    RISING = "-rising"
    LARGEST = "-posts"
    LATEST = "-last"


@dataclass(frozen=True)
class Post:
    """A post, as far as its topic is concerned."""

    id: UUID
    terms: Sequence[str]


@dataclass(frozen=True)
class Found:
    """A topic that was found: its posts, those that are most like all of it, and the terms that tell it best."""

    posts: list[UUID]
    examples: list[UUID]
    terms: list[str]


@dataclass(frozen=True)
class Turned:
    """What became of topics: the id that one keeps, or of which one it was a part; and those that it took in."""

    id: UUID | None
    came_from: UUID | None = None
    took_in: tuple[UUID, ...] = ()


@dataclass
class Topic:
    """A topic in the making: what its posts weigh together."""

    weights: dict[str, float] = field(default_factory=dict)
    posts: set[int] = field(default_factory=set)

    def norm(self) -> float:
        """Return its length."""
        return math.sqrt(sum(weight * weight for weight in self.weights.values())) or 1.0

    def take(self, weights: Mapping[str, float]) -> None:
        """Weigh a post with the others, and let go of what hardly anybody says."""
        for term, weight in weights.items():
            self.weights[term] = self.weights.get(term, 0.0) + weight
        if len(self.weights) > 2 * TOPIC_TERMS:
            self.weights = dict(sorted(self.weights.items(), key=lambda one: (-one[1], one[0]))[:TOPIC_TERMS])


class Clustering:
    """Topics of posts, found in passes over them: each step is short, so that others go on in between."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self.posts = posts
        self._counts: Counter[str] = Counter()
        self._vectors: list[dict[str, float]] = []
        self._topics: dict[int, Topic] = {}
        self._leads: defaultdict[str, list[int]] = defaultdict(list)
        self._norms: dict[int, float] = {}
        self._next = 0

    def count(self, post: Post) -> None:
        """Count how many posts have each term: the first pass."""
        self._counts.update(post.terms)

    def weigh(self, post: Post) -> None:
        """Weigh what a post says by how rare it is: the second pass."""
        rarity = Rarity(len(self.posts), self._counts)
        most = max(COMMON * len(self.posts), FEWEST * 4)
        weights = {term: rarity.weight(term) for term in post.terms if 1 < self._counts[term] <= most}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        self._vectors.append({term: weight / length for term, weight in weights.items()})

    def gather(self, index: int) -> None:
        """Let a post join the topic that is most like it, or begin one: the third pass."""
        weights = self._vectors[index]
        if not weights:
            return
        found = self._nearest(weights, least=JOINS)
        if found is None:
            found, self._next = self._next, self._next + 1
            self._topics[found] = Topic()
        self._add(found, index)

    def unite(self, number: int) -> None:
        """Let a topic become part of the larger one that speaks of the same: the fourth pass."""
        topic = self._topics.get(number)
        if topic is None:
            return
        length = topic.norm()
        weights = {term: weight / length for term, weight in topic.weights.items()}
        into = self._nearest(weights, least=SAME, apart=number)
        if into is not None:
            small, large = sorted((number, into), key=lambda each: (len(self._topics[each].posts), -each))
            for index in self._topics.pop(small).posts:
                self._add(large, index)

    def settle(self, number: int) -> None:
        """Begin anew with what a topic of more than one post weighs, and with none of its posts."""
        topic = self._topics[number]
        if len(topic.posts) < 2:
            del self._topics[number]
        topic.posts = set()

    def choose(self, index: int) -> None:
        """Let a post belong to the topic that is most like it, as the topics are now: the last pass."""
        found = self._nearest(self._vectors[index], least=JOINS)
        if found is not None:
            self._topics[found].posts.add(index)

    def numbers(self) -> list[int]:
        """Return the topics there are, the smallest first."""
        return sorted(self._topics, key=lambda each: (len(self._topics[each].posts), each))

    def found(self, number: int) -> Found | None:
        """Return what a topic is that is large enough."""
        topic = self._topics[number]
        if len(topic.posts) < FEWEST:
            return None
        summed: dict[str, float] = defaultdict(float)
        for index in topic.posts:
            for term, weight in self._vectors[index].items():
                summed[term] += weight
        ranked = sorted(summed, key=lambda term: (-summed[term], term))
        alike = sorted(topic.posts, key=lambda index: (-self._product(index, summed), index))[:EXAMPLES]
        return Found(
            [self.posts[index].id for index in sorted(topic.posts)],
            [self.posts[index].id for index in alike],
            [term for term in ranked if len(term.removeprefix("=")) > 1][:LABELS],
        )

    def _product(self, index: int, weights: Mapping[str, float]) -> float:
        return sum(weight * weights.get(term, 0.0) for term, weight in self._vectors[index].items())

    def _add(self, number: int, index: int) -> None:
        topic, weights = self._topics[number], self._vectors[index]
        for term in weights:
            if term not in topic.weights:
                self._lead(term, number)
        topic.take(weights)
        topic.posts.add(index)
        self._norms[number] = topic.norm()

    def _lead(self, term: str, number: int) -> None:
        leads = self._leads[term]
        leads.append(number)
        if len(leads) > 2 * LEADS_TO:
            del leads[:LEADS_TO]

    def _nearest(self, weights: Mapping[str, float], *, least: float, apart: int | None = None) -> int | None:
        products: dict[int, float] = defaultdict(float)
        for term in sorted(weights, key=lambda term: (-weights[term], term))[:PROBES]:
            for number in set(self._leads.get(term, ())[-LEADS_TO:]):
                topic = self._topics.get(number)
                if topic is not None and number != apart:
                    products[number] += weights[term] * topic.weights.get(term, 0.0)
        best = max(products, key=lambda each: (products[each] / self._norms[each], -each), default=None)
        return best if best is not None and products[best] / self._norms[best] >= least else None


def recognized(before: Mapping[UUID, UUID], topics: Sequence[Sequence[UUID]]) -> list[Turned]:
    """Return what became of the topics that posts belonged to `before`, for each topic that was found now.

    The one that has most of an earlier one's posts is that one; of several that it has most of, the one it shares most with. What
    else was in an earlier one came from it.
    """
    shared = [Counter(before[id] for id in posts if id in before) for posts in topics]
    left = sum(shared, Counter[UUID]())
    pairs = sorted(
        ((count, at, id) for at, of in enumerate(shared) for id, count in of.items() if count > KEPT * left[id]),
        key=lambda one: (-one[0], one[1], one[2].int),
    )
    ids: dict[int, UUID] = {}
    took_in: defaultdict[int, list[UUID]] = defaultdict(list)
    for _, at, id in pairs:  # more than half of it is in one topic alone, so none is met twice
        if at in ids:
            took_in[at].append(id)
        else:
            ids[at] = id
    return [
        Turned(ids[at], took_in=tuple(took_in[at])) if at in ids else Turned(None, came_from=_most(of))
        for at, of in enumerate(shared)
    ]


def _most(shared: Mapping[UUID, int]) -> UUID | None:
    return max(shared, key=lambda id: (shared[id], -id.int), default=None)


def rising(this_week: int, before: int) -> float:
    """Return how much more is said this week than in one of the four before, in standard deviations of the latter (Poisson)."""
    usual = before / (WEEKS - 1)
    return round((this_week - usual) / math.sqrt(usual + 1), 6)


def labels(terms: Sequence[str], ways: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return how posts put what tells a topic: each term in its most frequent Chinese and Latin way, without repeating itself."""
    found: list[str] = []
    for term in terms:
        said = sorted(ways.get(term, {}).items(), key=lambda one: (-one[1], one[0]))
        ascii_, other = (next((way for way, _ in said if way.isascii() is latin), None) for latin in (True, False))
        for way in (other, ascii_) if said else (term.removeprefix("="),):
            if way is not None and not any(way in known for known in found):
                found.append(way)
    return found[: 2 * LABELS]
