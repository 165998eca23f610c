"""Sort a post by its words and its rating: kind, severity, sentiment, and why. Pure, deterministic, bounded in time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_feedback.triage.lexicon import Tag
from opsloop_feedback.triage.scanner import Clause, Hit, Scan, scan
from opsloop_feedback.triage.words import fold, is_han, segments, tokens
from opsloop_feedback.verdicts.rules import (
    CHEER,
    FAILURE,
    GRIPE,
    MONEY,
    PLEASANT,
    SECURITY,
    SUPPOSES,
    Findings,
    Reason,
    confidence,
    feeling_of,
    heard,
    kind_of,
    scores_of,
    sentiment_of,
    severity_of,
)

ENGINE = "rules-3"
# a post says what it is about early; the rest of 50,000 characters would only cost time
READ_CHARACTERS = 2_000
NEGATED_PLEASANT, NEGATED_UNPLEASANT = -0.8, -0.4
FELT = {CHEER: 1.5, GRIPE: -2.6}
"""What a shape weighs beside the words."""
_OVER = frozenset({FAILURE, GRIPE, MONEY, SECURITY})
HAPPY_STARS = 5
HEAD_CHARACTERS, HEAD_SHARE = 120, 0.6
_QUOTED = re.compile(r"```.*?(?:```|\Z)|<!--.*?(?:-->|\Z)|[a-z]+://\S+", re.DOTALL)

_S1 = {
    Tag.CRASH: "crash",
    Tag.MONEY: "payment_failed",
    Tag.LOSS: "data_loss",
    Tag.EXPOSED: "security",
}
_S1_APART = (
    (Tag.PAYMENT, Tag.FAILS | Tag.UNKNOWN, "payment_failed"),
    (Tag.AMOUNT, Tag.GONE, "payment_failed"),
    (Tag.DATA, Tag.GONE, "data_loss"),
)
"""Topic, trouble, and what they are together; also words apart (支付 … 失败)."""
_OF_OTHERS = Tag.OTHERS | Tag.PEOPLE
_TROUBLE = Tag.DEFECT | Tag.FAILS | Tag.GONE | Tag.UNKNOWN | Tag.OTHERS | Tag.PEOPLE
_NOT_UNDONE = Tag.MONEY | Tag.LOSS | Tag.EXPOSED | Tag.PAYMENT | Tag.GONE
"""What is not made good by working well now."""
_IRREGULAR = frozenset({"froze", "broke", "went down"})
RELIEF_REACH = 3
"""So many clauses after a trouble may tell that it is over."""
_NOTED = Tag.TRIVIAL | Tag.EVERYBODY | Tag.URGENT | Tag.IDEA | Tag.QUESTION


@dataclass(frozen=True)
class Triage:
    """How a post was sorted, and why."""

    kind: Kind
    severity: Severity
    sentiment: float
    language: str
    reasons: tuple[Reason, ...]
    confidence: float
    scores: Mapping[Kind, float]

    def document(self) -> dict[str, Any]:
        """Return what is stored and answered: the rules' own result stays readable after a person corrects it."""
        return {
            "engine": ENGINE,
            "kind": self.kind,
            "severity": self.severity,
            "sentiment": self.sentiment,
            "language": self.language,
            "area": None,
            "confidence": self.confidence,
            "reasons": [reason.document() for reason in self.reasons],
        }


def triage(body: str, *, title: str | None = None, rating: int | None = None, kind: Kind | None = None) -> Triage:
    """Sort one post. An explicit `kind` wins over the words; severity and sentiment follow the words either way."""
    text = fold(_said(f"{title}\n{body}" if title else body))[: 2 * READ_CHARACTERS]  # folding may make several of one
    seen = scan(text)
    found = _findings(seen, text)
    if rating == HAPPY_STARS and feeling_of(found) >= PLEASANT:
        # who is plainly happy tells of trouble that is over or small
        found.severe.clear()
        found.blocked.clear()
    sentiment, why_sentiment = sentiment_of(found, rating)
    scores = scores_of(found, sentiment, rating)
    head = text.partition("\n")[0]
    if title or len(head) <= HEAD_CHARACTERS < len(text):
        # what it is called is what it is about
        spoken = _findings(scan(head), head)
        for name, score in scores_of(spoken, sentiment_of(spoken, None)[0], None).items():
            scores[name] += HEAD_SHARE * score if name != "other" else 0.0
    decided, why_kind = kind_of(found, scores)
    if kind is not None:
        decided, why_kind = kind, Reason("kind", "submitter")
    severity, why_severity = severity_of(found, decided)
    reasons = (why_kind, why_severity, *why_sentiment)
    sure = 1.0 if kind is not None else confidence(scores, decided)
    return Triage(decided, severity, sentiment, _language(seen), reasons, sure, scores)


def _said(text: str) -> str:
    """Return what somebody wrote at the beginning of a text: no code, no comments of templates, no addresses."""
    text = text[:READ_CHARACTERS]
    if "```" not in text and "<!--" not in text and "://" not in text:
        return text
    kept = _QUOTED.sub(" ", text)
    return kept if kept.strip() else text


def tokens_of(text: str) -> list[str]:
    """Return the words of what triage reads of a text, for who learns from them; clause marks and emoji are words too."""
    read = tokens(fold(_said(text))[: 2 * READ_CHARACTERS])
    return [word for token in read for word in (segments(token) if is_han(token) else [token])]


def runs_of(folded: str) -> list[tuple[str, bool]]:
    """Return Latin words, numbers and whole runs of Chinese characters of a folded text, each with whether it is Chinese."""
    return [(token, is_han(token)) for token in tokens(folded) if token.isalnum() or "'" in token]


def searchable(text: str) -> str:
    """Return `text` in the one spelling in which posts are searched: case, width and traditional forms make no difference."""
    return fold(text)


def _findings(seen: Scan, text: str) -> Findings:
    found = Findings(question_marks=seen.question_marks, exclamation_marks=seen.exclamation_marks, signs=heard(text))
    says = [_present(clause) for clause in seen.clauses]
    is_over = False
    for place, (clause, present) in enumerate(zip(seen.clauses, says, strict=True)):
        fixed = bool(present & Tag.FIXED) or (_is_past(clause, present) and _is_relieved(seen.clauses, says, place))
        is_over = is_over or fixed
        for hit in clause:
            _weigh(hit, found, fixed=fixed)
            _note(hit, found)
        if present & Tag.UNRECEIVED and place and says[place - 1] & (Tag.PAID | Tag.AMOUNT):
            present |= Tag.PAYMENT  # I paid 50 euros, why have I got nothing
        if not fixed and present & _TROUBLE:
            _problems(clause, present, found)
    if is_over:
        found.signs = [sign for sign in found.signs if sign.tells not in _OVER]
    felt = FELT if found.defects or found.fails else FELT | {FAILURE: -0.5}
    found.sum += sum(felt.get(sign.tells, 0.0) for sign in found.signs)
    for rule in {MONEY, SECURITY} - found.severe.keys():
        words = [sign.words for sign in found.signs if sign.tells == rule]
        found.severe |= {rule: words} if words else {}
    if any(sign.tells == SUPPOSES for sign in found.signs):
        # who asks what to do if it happens has not met it
        found.severe, found.blocked, found.defects, found.fails = {}, [], [], []
    return found


def _present(clause: Clause) -> int:
    present = 0
    for hit in clause:
        present |= 0 if hit.negated else hit.entry.tags
    return present


def _is_past(clause: Clause, present: int) -> bool:
    """Say whether a clause tells of what was: it names a time that is over, or its trouble stands in the past (crashed, 之前闪退)."""
    if present & Tag.PAST:
        return True
    return any(
        hit.entry.tags & Tag.DEFECT and (hit.entry.word.endswith("ed") or hit.entry.word in _IRREGULAR)
        for hit in clause
    )


def _is_relieved(clauses: list[Clause], says: list[int], place: int) -> bool:
    """Say whether what follows a clause about the past tells that it is over (以前闪退，现在好了; it was crashing, none since)."""
    reach, is_now, is_pleasant = RELIEF_REACH, False, False
    for clause, present in zip(clauses[place + 1 :], says[place + 1 :], strict=True):
        if present & Tag.FIXED:
            return True
        if present & _TROUBLE or not reach:
            return False
        # none since; 没再闪退
        if any(hit.negated and hit.entry.tags & (Tag.NOW | Tag.CRASH | Tag.BLOCKED) for hit in clause):
            return True
        is_now = is_now or bool(present & Tag.NOW)
        is_pleasant = is_pleasant or any(
            hit.entry.weight and (hit.entry.weight > 0) is not hit.negated for hit in clause
        )
        if is_now and is_pleasant:
            return not says[place] & _NOT_UNDONE
        reach -= any(not hit.entry.tags & Tag.BREAK for hit in clause)
    return False


def _weigh(hit: Hit, found: Findings, *, fixed: bool) -> None:
    weight = hit.entry.weight
    if not weight:
        return
    if hit.negated:
        found.negated.append(hit.entry.word)
        found.sum += weight * (NEGATED_PLEASANT if weight > 0 else NEGATED_UNPLEASANT)
    elif not (fixed and weight < 0):
        (found.pleasant if weight > 0 else found.unpleasant).append(hit.entry.word)
        found.sum += weight * hit.factor


def _problems(clause: Clause, present: int, found: Findings) -> None:
    """Find defects, and what is severe about them, also when topic and failure are words apart (支付 … 失败)."""

    def words(tags: int) -> list[str]:
        return [hit.entry.word for hit in clause if hit.entry.tags & tags and not hit.negated]

    defects = words(Tag.DEFECT)
    found.defects += defects
    found.fails += [] if defects else words(Tag.FAILS) or words(Tag.GONE)
    for tag, rule in _S1.items():
        if present & tag:
            found.severe.setdefault(rule, []).extend(words(tag))
    for topic, trouble, rule in _S1_APART:
        if present & topic and present & trouble:
            found.severe.setdefault(rule, []).extend(words(topic | trouble))
    if _is_exposed(clause, present):
        found.severe.setdefault("security", []).extend(words(_OF_OTHERS | Tag.SEEN | Tag.PERSONAL | Tag.DATA))
    if present & Tag.BLOCKED:
        found.blocked += words(Tag.BLOCKED)
    if present & Tag.SIGN_IN and present & Tag.FAILS:
        found.blocked += words(Tag.SIGN_IN | Tag.FAILS)


def _is_exposed(clause: Clause, present: int) -> bool:
    """Say whether somebody sees what is other people's: their orders, or in one's own place also their photos, which some share."""
    if not present & Tag.SEEN or not (present & Tag.PERSONAL or (present & Tag.DATA and present & Tag.MINE)):
        return False
    if present & Tag.OTHERS:
        return True
    # I see other users orders; but not: can other users see my orders
    order = [hit.entry.tags & (Tag.SEEN | Tag.PEOPLE) for hit in clause if hit.entry.tags & (Tag.SEEN | Tag.PEOPLE)]
    return bool(present & Tag.PEOPLE) and bool(order[0] & Tag.SEEN)


def _note(hit: Hit, found: Findings) -> None:
    tags = hit.entry.tags
    if not tags & _NOTED:
        return
    for tag, words in (
        (Tag.TRIVIAL, found.trivial),
        (Tag.EVERYBODY, found.everybody),
        (Tag.URGENT, found.urgent),
        (Tag.IDEA, found.ideas),
        (Tag.QUESTION, found.questions),
    ):
        if tags & tag:
            words.append(hit.entry.word)


def _language(seen: Scan) -> str:
    """Name the script's language: a Latin word weighs as two Chinese characters."""
    latin = 2 * seen.latin
    if not seen.han and not latin:
        return "other"
    share = seen.han / (seen.han + latin)
    return "zh" if share > 0.8 else "mixed" if share > 0.2 else "latin"
