"""A small learner: logistic regression over words and pairs of words, which starts from what the rules say.

It learns only what the rules get wrong: their scores are its prior, and words without a correction weigh nothing. So few corrections
move little, thirty alike ones are enough, and what nobody corrected stays as it was.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, sqrt
from typing import Any, Final

from opsloop_feedback.triage.rules import tokens_of

FIELDS: Final = ("kind", "severity", "area")
NO_AREA = ""
"""The class of posts that are about no area."""
FEATURES_OF_A_POST = 240
FEATURES_OF_A_MODEL = 4_000
NUMBERS_OF_A_MODEL = 40_000
CLASSES = 40
LESSONS = 2_000
FOLDS = 4
EPOCHS = 12
RATE, DECAY = 1.0, 0.004
PRIOR = 1.4
"""How much a score of the rules is worth in logarithms of odds."""
UNTOUCHED = 0.3
"""What a post that nobody corrected weighs beside a correction: silence is only half an assent."""
DOUBT = 6.0
"""How many lessons it takes until what was learnt counts half."""
CLEAR = 2.0
"""What the one severity or area that the rules say is worth as a score."""
SURE = 3.0
"""What a score of the rules counts at most: thirty people who say otherwise are right."""
ENOUGH = 20
"""Corrections before anything is learnt."""
WORDS_SHOWN = 5
_NUMBER = re.compile(r"\d+")


def features_of(text: str) -> list[str]:
    """Return words and pairs of neighbours of a text as triage reads it, each once; numbers are all the same."""
    words = [_NUMBER.sub("0", word) for word in tokens_of(text)][: FEATURES_OF_A_POST // 2]
    pairs = [f"{one} {next}" for one, next in pairwise(words)]
    return list(dict.fromkeys([*words, *pairs]))


@dataclass(frozen=True)
class Lesson:
    """A post, what the rules score each class with, what a person says it is, and whether they had to say so."""

    features: Sequence[str]
    prior: Mapping[str, float]
    label: str
    is_corrected: bool = True

    @property
    def weight(self) -> float:
        """Return how much it counts."""
        return 1.0 if self.is_corrected else UNTOUCHED

    @property
    def said(self) -> str:
        """Return what the rules say."""
        return max(self.prior, key=lambda name: self.prior[name])


@dataclass(frozen=True)
class Model:
    """What was learnt of a field: for each word, what it is worth, and what it then adds to the score of each class."""

    classes: Sequence[str]
    words: Mapping[str, Sequence[float]]
    rare: float
    """What a word is worth that no lesson had: a post of such words is like none of them."""

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "classes": list(self.classes),
            "rare": self.rare,
            "words": {word: list(adds) for word, adds in self.words.items()},
        }


@dataclass(frozen=True)
class Judged:
    """The likeliest class, how sure that is, and the words that speak for it, most first."""

    label: str
    confidence: float
    words: Sequence[str]


def read_model(document: Mapping[str, Any]) -> Model:
    """Return a stored model."""
    return Model(
        tuple(document["classes"]), {word: tuple(adds) for word, adds in document["words"].items()}, document["rare"]
    )


def judge(model: Model, features: Iterable[str], prior: Mapping[str, float]) -> Judged:
    """Return what a model makes of a post."""
    given = list(features)
    known = [(word, adds) for word in given if (adds := model.words.get(word)) is not None]
    length = sum(adds[0] * adds[0] for _, adds in known) + (len(given) - len(known)) * model.rare**2
    scale = 1 / sqrt(length or 1.0)
    scores = {name: PRIOR * score for name, score in prior.items()}
    for place, name in enumerate(model.classes, 1):
        scores[name] = scores.get(name, 0.0) + scale * sum(adds[0] * adds[place] for _, adds in known)
    label = max(scores, key=lambda name: scores[name])
    odds = [exp(score - scores[label]) for score in scores.values()]
    place = model.classes.index(label) + 1 if label in model.classes else 0
    speaking = sorted(((adds[0] * adds[place], word) for word, adds in known if adds[place] > 0), reverse=True)
    words = [word for _, word in speaking] if place else []
    return Judged(label, round(1 / sum(odds), 2), words[:WORDS_SHOWN])


def prior_of(field: str, scores: Mapping[Any, float], severity: str, area: str | None) -> dict[str, float]:
    """Return what the rules say of a field, as scores: of severity and area they only say one."""
    if field == "kind":
        return {name: min(score, SURE) for name, score in scores.items()}
    return {severity if field == "severity" else area or NO_AREA: CLEAR}


class Learner:
    """Learns one field from lessons, a lesson at a time, so that whoever drives it may let others go on between them."""

    def __init__(self, lessons: Sequence[Lesson]) -> None:
        self._lessons = lessons
        labels = Counter(lesson.label for lesson in lessons) + Counter(lesson.said for lesson in lessons)
        self._classes = sorted(name for name, _ in labels.most_common(CLASSES))
        self._place = {name: place for place, name in enumerate(self._classes)}
        seen = Counter(word for lesson in lessons for word in lesson.features)
        most = min(FEATURES_OF_A_MODEL, NUMBERS_OF_A_MODEL // max(1, len(self._classes)))
        kept = [word for word, count in seen.most_common(most) if count > 1 or len(lessons) < 2 * ENOUGH]
        # rare words tell more than those of every post
        self._worth = {word: 1 + log(len(lessons) / seen[word]) for word in kept}
        self._rare = 1 + log(max(1, len(lessons)))
        self._weights: dict[str, list[float]] = {}

    def steps(self) -> Iterator[tuple[Lesson, float]]:
        """Return the lessons in the order in which to learn them, with the length of the step."""
        for epoch in range(EPOCHS):
            step = RATE / (1 + epoch)
            # another order each time, and always the same one: what was learnt can be learnt again
            stride = 1 + 2 * ((epoch * 7919) % max(1, len(self._lessons)))
            while _common(stride, len(self._lessons)) > 1:
                stride += 2
            at = 0
            for _ in self._lessons:
                yield self._lessons[at], step
                at = (at + stride) % len(self._lessons)

    def learn(self, taken: tuple[Lesson, float]) -> None:
        """Move the words of a lesson towards what was said of it."""
        lesson, step = taken
        words = [word for word in lesson.features if word in self._worth]
        if not words or lesson.label not in self._place:
            return
        scale = 1 / sqrt(sum(self._worth.get(word, self._rare) ** 2 for word in lesson.features))
        scores = [PRIOR * lesson.prior.get(name, 0.0) for name in self._classes]
        for word in words:
            adds = self._weights.get(word)
            if adds is not None:
                worth = scale * self._worth[word]
                for place, add in enumerate(adds):
                    scores[place] += worth * add
        top = max(scores)
        odds = [exp(score - top) for score in scores]
        total = sum(odds)
        wrong = [step * lesson.weight * odd / total for odd in odds]
        wrong[self._place[lesson.label]] -= step * lesson.weight
        for word in words:
            adds = self._weights.setdefault(word, [0.0] * len(self._classes))
            worth = scale * self._worth[word]
            for place, error in enumerate(wrong):
                adds[place] += -error * worth - DECAY * step * adds[place]

    def model(self) -> Model:
        """Return what was learnt so far: less of it where lessons were few."""
        taught = sum(lesson.is_corrected for lesson in self._lessons)
        share = taught / (taught + DOUBT)
        return Model(
            tuple(self._classes),
            {
                word: (round(self._worth[word], 3), *(round(share * add, 3) for add in adds))
                for word, adds in self._weights.items()
            },
            round(self._rare, 3),
        )


def _common(one: int, other: int) -> int:
    while other:
        one, other = other, one % other
    return one


def folds(lessons: Sequence[Lesson]) -> list[tuple[list[Lesson], list[Lesson]]]:
    """Divide lessons into what is learnt and what it is tried on, each lesson tried once. Alike ones are neighbours: they are dealt out."""
    return [
        (
            [lesson for place, lesson in enumerate(lessons) if place % FOLDS != fold],
            [lesson for place, lesson in enumerate(lessons) if place % FOLDS == fold],
        )
        for fold in range(FOLDS)
    ]


@dataclass(frozen=True)
class Report:
    """How many lessons there were, and which share of their weight the rules and the learner got right; the learner unseen."""

    corrections: int
    lessons: int
    rules: float
    learner: float

    @property
    def is_better(self) -> bool:
        """Say whether the learner is believed: it beats the rules on what it has not seen."""
        return self.corrections >= ENOUGH and self.learner > self.rules


def report(tried: Iterable[tuple[Lesson, str]]) -> Report:
    """Return how lessons and what the learner said of them, unseen, compare with what the rules say."""
    pairs = list(tried)
    total = sum(lesson.weight for lesson, _ in pairs) or 1.0
    rules = sum(lesson.weight for lesson, _ in pairs if lesson.said == lesson.label)
    learner = sum(lesson.weight for lesson, says in pairs if says == lesson.label)
    corrections = sum(lesson.is_corrected for lesson, _ in pairs)
    return Report(corrections, len(pairs), round(rules / total, 3), round(learner / total, 3))
