"""Decide how alike two posts are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from opsloop_feedback.indexing.rules import Candidate, Rarity
from opsloop_feedback.terms.rules import CLASSES, Terms

CONSIDERED = 50
SHOWN = 5
TITLE_WEIGHT = 1.5
DENIED = 0.85
"""One says that it is so, the other that it is not."""
OTHER_NUMBERS = 0.8
OTHER_CLASS = 0.6
"""One speaks of Android, the other of iOS; of PDF, of Excel."""
SHOWN_TERMS = 8


@dataclass(frozen=True)
class Match:
    """A post that is like what was asked for: how much, from 0 to 1, and by which words of the question."""

    feedback_id: UUID
    score: float
    shared: list[str]


def matches(asked: Terms, found: Collection[Candidate], rarity: Rarity, *, limit: int) -> list[Match]:
    """Return the candidates that are most like the question, the best first."""
    weights = _weights(asked.all, asked.in_title, rarity)
    ranked = [
        Match(one.feedback_id, score, [asked.shown[token] for token in shared][:SHOWN_TERMS])
        for one in found
        if (shared := _shared(one, weights)) and (score := _score(asked, weights, one, rarity)) > 0
    ]
    return sorted(ranked, key=lambda match: (-match.score, -match.feedback_id.int))[:limit]


def _weights(tokens: list[str], in_title: int, rarity: Rarity) -> dict[str, float]:
    return {
        token: rarity.weight(token) * (TITLE_WEIGHT if index < in_title else 1.0) for index, token in enumerate(tokens)
    }


def _shared(one: Candidate, weights: dict[str, float]) -> list[str]:
    there = set(one.tok)
    return sorted((token for token in weights if token in there), key=lambda token: -weights[token])


def _score(asked: Terms, weights: dict[str, float], one: Candidate, rarity: Rarity) -> float:
    theirs = _weights(one.tok, one.in_title, rarity)
    product = sum(weight * theirs[token] for token, weight in weights.items() if token in theirs)
    mine, length = (sum(weight**2 for weight in each.values()) for each in (weights, theirs))
    if not product:
        return 0.0
    # the share of the question that they say too, a little less the longer they go on: who says more does not say something else
    share: float = product / mine / max(1.0, length / mine) ** 0.25
    return round(min(1.0, share) * _penalty(asked, one), 3)


def _penalty(asked: Terms, one: Candidate) -> float:
    penalty = DENIED if asked.is_denial != one.is_denial else 1.0
    mine, theirs = set(asked.shown), set(one.tok)
    numbers = {token for token in theirs if token[0].isdigit()}
    if asked.numbers and numbers and asked.numbers.isdisjoint(numbers):
        penalty *= OTHER_NUMBERS
    for each in CLASSES:
        if mine & each and theirs & each and mine.isdisjoint(theirs & each):
            penalty *= OTHER_CLASS
    return penalty
