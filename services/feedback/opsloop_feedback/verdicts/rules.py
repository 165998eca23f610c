"""Decisions about a sorted text: scores of each kind, the likeliest and how sure that is, and how severe it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import exp, sqrt
from typing import Any, Final, get_args

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_feedback.verdicts.patterns import (
    ASKS,
    CHEER,
    FAILURE,
    GRIPE,
    MONEY,
    SECURITY,
    SUPPOSES,
    WISH,
    Heard,
    heard,
)

__all__ = [
    "CHEER",
    "FAILURE",
    "GRIPE",
    "MONEY",
    "SECURITY",
    "SUPPOSES",
    "Findings",
    "Heard",
    "Reason",
    "confidence",
    "feeling_of",
    "heard",
    "kind_of",
    "scores_of",
    "sentiment_of",
    "severity_of",
]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
WORDS_IN_REASON = 8
NORMALISE_ALPHA = 6.0
"""s/√(s²+α) maps a sum of weights to −1…1 (VADER, Hutto & Gilbert 2014, with α for weights up to 3)."""
RATING_SHARE = 0.5
UNPLEASANT, PLEASANT = -0.25, 0.25
SEVERE = ("crash", "payment_failed", "data_loss", "security")
"""What makes a post s1, the most telling first."""
CLEARLY = 1.6
NOTHING = 0.55
"""What a kind must reach to be one: below it the post is `other`."""


@dataclass(frozen=True)
class Reason:
    """One rule that fired: the field it decided, and the words it saw."""

    field: str
    rule: str
    words: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"field": self.field, "rule": self.rule, "words": list(self.words)}


@dataclass
class Findings:
    """What the clauses of a text add up to."""

    unpleasant: list[str] = field(default_factory=list)
    pleasant: list[str] = field(default_factory=list)
    negated: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    fails: list[str] = field(default_factory=list)
    severe: dict[str, list[str]] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    trivial: list[str] = field(default_factory=list)
    everybody: list[str] = field(default_factory=list)
    urgent: list[str] = field(default_factory=list)
    ideas: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    question_marks: int = 0
    exclamation_marks: int = 0
    signs: list[Heard] = field(default_factory=list)
    sum: float = 0.0


def feeling_of(found: Findings) -> float:
    """Return what the words alone feel like, −1…1."""
    text = found.sum * (1 + 0.1 * min(found.exclamation_marks, 3))
    return text / sqrt(text * text + NORMALISE_ALPHA)


def sentiment_of(found: Findings, rating: int | None) -> tuple[float, list[Reason]]:
    """Return how a text feels with its rating, −1…1, and by what."""
    reasons = []
    score = feeling_of(found)
    if found.unpleasant:
        reasons.append(reason("sentiment", "unpleasant_words", found.unpleasant))
    if found.pleasant:
        reasons.append(reason("sentiment", "pleasant_words", found.pleasant))
    if found.negated:
        reasons.append(reason("sentiment", "negated_words", found.negated))
    if rating is not None:
        stars = (rating - 3) / 2
        worded = bool(found.unpleasant or found.pleasant or found.negated)
        score = score * (1 - RATING_SHARE) + stars * RATING_SHARE if worded else stars * 0.8
        reasons.append(reason("sentiment", "rating", [str(rating)]))
    return max(-1.0, min(1.0, round(score, 2))) + 0.0, reasons


def _added(strengths: Iterable[float], *, next_counts: float, at_most: float) -> float:
    """Add up what says the same: the strongest whole, each further one a little."""
    ordered = sorted(strengths, reverse=True)
    return min(at_most, ordered[0] + next_counts * (len(ordered) - 1)) if ordered else 0.0


def scores_of(found: Findings, sentiment: float, rating: int | None) -> dict[Kind, float]:
    """Return how much speaks for each kind: about the logarithm of its odds. Stars are a prior of their own."""
    wishes = [sign.strength for sign in found.signs if sign.tells == WISH]
    failures = [sign.strength for sign in found.signs if sign.tells == FAILURE]
    asks = [sign.strength for sign in found.signs if sign.tells == ASKS]
    broken = [1.7] * len(found.defects) + [1.1] * len(found.fails) + failures
    bug = _added(broken, next_counts=0.35, at_most=3.4)
    if found.severe or found.blocked:
        bug += 4.0 if found.severe else 3.2
    idea = _added([1.5] * len(found.ideas) + wishes, next_counts=0.4, at_most=3.8)
    question = 0.0
    if found.questions or asks:
        question = (
            0.9 * bool(found.questions) + _added(asks, next_counts=0.1, at_most=1.2) + 0.9 * bool(found.question_marks)
        )
    elif found.question_marks:
        question = 0.9 if found.question_marks == 1 else 0.5
    pleasant, unpleasant = len(found.pleasant), len(found.unpleasant) + len(found.negated)
    cheers = [sign.strength for sign in found.signs if sign.tells == CHEER]
    gripes = [sign.strength for sign in found.signs if sign.tells == GRIPE]
    praise = 2.2 * sentiment + 0.22 * min(pleasant, 6) if sentiment >= PLEASANT else 0.0
    complaint = 1.8 * -sentiment + 0.22 * min(unpleasant, 6) if sentiment <= UNPLEASANT else 0.0
    praise += _added(cheers, next_counts=0.3, at_most=2.4) if sentiment > UNPLEASANT else 0.0
    complaint += _added(gripes, next_counts=0.3, at_most=2.4) if sentiment < PLEASANT else 0.0
    if rating is not None:
        praise += 0.7 * (rating - 3) if praise and rating > 3 else 0.0
        complaint += 0.4 * (3 - rating) if complaint and rating < 3 else 0.0
        bug += 0.3 * (3 - rating) if bug and rating < 3 else 0.0
        bug -= 0.5 * (rating - 3) if rating > 3 and bug < 3 else 0.0
    if idea >= CLEARLY:
        # who is pleased and wishes for something writes because of the wish
        praise, complaint = praise * 0.55, complaint * 0.8
    return {"bug": bug, "idea": idea, "question": question, "complaint": complaint, "praise": praise, "other": NOTHING}


def confidence(scores: Mapping[Kind, float], kind: Kind) -> float:
    """Return how sure a kind is by its score among all, 0…1."""
    top = max(scores.values())
    odds = {name: exp(1.4 * (score - top)) for name, score in scores.items()}
    return round(odds[kind] / sum(odds.values()), 2)


def kind_of(found: Findings, scores: Mapping[Kind, float]) -> tuple[Kind, Reason]:
    """Return the kind that most speaks for, and by what; of equals the first of bug, idea, question, complaint, praise, other."""
    kind = max(KINDS, key=lambda name: scores[name])
    if kind == "bug":
        severe = [word for words in found.severe.values() for word in words]
        return kind, reason("kind", "defect_words", [*found.defects, *found.fails] or severe or _words(found, FAILURE))
    if kind == "idea":
        return kind, reason("kind", "idea_words", found.ideas or _words(found, WISH))
    if kind == "question":
        return kind, reason("kind", "question_words", found.questions or _words(found, ASKS) or ["?"])
    if kind == "complaint":
        return kind, reason("kind", "unpleasant", [*found.unpleasant, *found.negated, *_words(found, GRIPE)])
    if kind == "praise":
        return kind, reason("kind", "pleasant", [*found.pleasant, *found.negated, *_words(found, CHEER)])
    return kind, Reason("kind", "nothing_matched")


def _words(found: Findings, tells: str) -> list[str]:
    return [sign.words for sign in found.signs if sign.tells == tells]


def severity_of(found: Findings, kind: Kind) -> tuple[Severity, Reason]:
    """Return how severe it is, and by what."""
    if found.severe:
        rule = next(rule for rule in SEVERE if rule in found.severe)
        return "s1", reason("severity", rule, found.severe[rule])
    if found.blocked:
        if found.everybody:
            return "s1", reason("severity", "blocks_everybody", found.blocked + found.everybody)
        return "s2", reason("severity", "blocked", found.blocked)
    if kind not in ("bug", "complaint"):
        return "s4", Reason("severity", f"default_of_{kind}")
    if (found.defects or found.fails) and (found.everybody or found.urgent):
        return "s2", reason("severity", "widespread_or_urgent", found.everybody + found.urgent)
    if kind == "bug" and found.trivial:
        return "s4", reason("severity", "trivial", found.trivial)
    return "s3", Reason("severity", f"default_of_{kind}")


def reason(field: str, rule: str, words: Iterable[str]) -> Reason:
    """Return a reason with the first of its words, each once."""
    return Reason(field, rule, tuple(dict.fromkeys(words))[:WORDS_IN_REASON])
