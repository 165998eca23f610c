"""Sort a post by its words and its rating: kind, severity, sentiment, and why. Pure, deterministic, bounded in time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_feedback.triage.lexicon import Tag
from opsloop_feedback.triage.scanner import Clause, Hit, Scan, scan
from opsloop_feedback.triage.words import fold

ENGINE = "rules-2"
# a post says what it is about early; the rest of 50,000 characters would only cost time
READ_CHARACTERS = 2_000
WORDS_IN_REASON = 8
# s/√(s²+α) maps a sum of weights to −1…1 (VADER, Hutto & Gilbert 2014, with α for weights up to 3)
NORMALISE_ALPHA = 6.0
NEGATED_PLEASANT, NEGATED_UNPLEASANT = -0.8, -0.4
RATING_SHARE = 0.5
UNPLEASANT, PLEASANT = -0.25, 0.25
HAPPY_STARS = 5

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
class Reason:
    """One rule that fired: the field it decided, and the words it saw."""

    field: str
    rule: str
    words: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the stored form."""
        return {"field": self.field, "rule": self.rule, "words": list(self.words)}


@dataclass(frozen=True)
class Triage:
    """How a post was sorted, and why."""

    kind: Kind
    severity: Severity
    sentiment: float
    language: str
    reasons: tuple[Reason, ...]

    def document(self) -> dict[str, Any]:
        """Return what is stored and answered: the rules' own result stays readable after a person corrects it."""
        return {
            "engine": ENGINE,
            "kind": self.kind,
            "severity": self.severity,
            "sentiment": self.sentiment,
            "language": self.language,
            "reasons": [reason.document() for reason in self.reasons],
        }


@dataclass
class _Findings:
    """What the clauses add up to."""

    unpleasant: list[str] = field(default_factory=list)
    pleasant: list[str] = field(default_factory=list)
    negated: list[str] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)
    severe: dict[str, list[str]] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    trivial: list[str] = field(default_factory=list)
    everybody: list[str] = field(default_factory=list)
    urgent: list[str] = field(default_factory=list)
    ideas: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    sum: float = 0.0


def triage(body: str, *, title: str | None = None, rating: int | None = None, kind: Kind | None = None) -> Triage:
    """Sort one post. An explicit `kind` wins over the words; severity and sentiment follow the words either way."""
    text = fold(f"{title}\n{body}"[:READ_CHARACTERS] if title else body[:READ_CHARACTERS])
    seen = scan(text[: 2 * READ_CHARACTERS])  # compatibility characters may fold into several
    found = _findings(seen)
    if rating == HAPPY_STARS and _score(found, seen) >= PLEASANT:
        # who is plainly happy tells of trouble that is over or small
        found.severe.clear()
        found.blocked.clear()
    sentiment, why_sentiment = _sentiment(found, seen, rating)
    decided, why_kind = _kind(found, seen, sentiment)
    if kind is not None:
        decided, why_kind = kind, Reason("kind", "submitter")
    severity, why_severity = _severity(found, decided)
    return Triage(decided, severity, sentiment, _language(seen), (why_kind, why_severity, *why_sentiment))


def searchable(text: str) -> str:
    """Return `text` in the one spelling in which posts are searched: case, width and traditional forms make no difference."""
    return fold(text)


def _findings(seen: Scan) -> _Findings:
    found = _Findings()
    says = [_present(clause) for clause in seen.clauses]
    for place, (clause, present) in enumerate(zip(seen.clauses, says, strict=True)):
        fixed = bool(present & Tag.FIXED) or (_is_past(clause, present) and _is_relieved(seen.clauses, says, place))
        for hit in clause:
            _weigh(hit, found, fixed=fixed)
            _note(hit, found)
        if present & Tag.UNRECEIVED and place and says[place - 1] & (Tag.PAID | Tag.AMOUNT):
            present |= Tag.PAYMENT  # I paid 50 euros, why have I got nothing
        if not fixed and present & _TROUBLE:
            _problems(clause, present, found)
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


def _weigh(hit: Hit, found: _Findings, *, fixed: bool) -> None:
    weight = hit.entry.weight
    if not weight:
        return
    if hit.negated:
        found.negated.append(hit.entry.word)
        found.sum += weight * (NEGATED_PLEASANT if weight > 0 else NEGATED_UNPLEASANT)
    elif not (fixed and weight < 0):
        (found.pleasant if weight > 0 else found.unpleasant).append(hit.entry.word)
        found.sum += weight * hit.factor


def _problems(clause: Clause, present: int, found: _Findings) -> None:
    """Find defects, and what is severe about them, also when topic and failure are words apart (支付 … 失败)."""

    def words(tags: int) -> list[str]:
        return [hit.entry.word for hit in clause if hit.entry.tags & tags and not hit.negated]

    found.defects += words(Tag.DEFECT) or words(Tag.FAILS)
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


def _note(hit: Hit, found: _Findings) -> None:
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


def _score(found: _Findings, seen: Scan) -> float:
    """Return what the words alone feel like, −1…1."""
    text = found.sum * (1 + 0.1 * min(seen.exclamation_marks, 3))
    return text / sqrt(text * text + NORMALISE_ALPHA)


def _sentiment(found: _Findings, seen: Scan, rating: int | None) -> tuple[float, list[Reason]]:
    reasons = []
    score = _score(found, seen)
    if found.unpleasant:
        reasons.append(_reason("sentiment", "unpleasant_words", found.unpleasant))
    if found.pleasant:
        reasons.append(_reason("sentiment", "pleasant_words", found.pleasant))
    if found.negated:
        reasons.append(_reason("sentiment", "negated_words", found.negated))
    if rating is not None:
        stars = (rating - 3) / 2
        worded = bool(found.unpleasant or found.pleasant or found.negated)
        score = score * (1 - RATING_SHARE) + stars * RATING_SHARE if worded else stars * 0.8
        reasons.append(_reason("sentiment", "rating", [str(rating)]))
    return max(-1.0, min(1.0, round(score, 2))) + 0.0, reasons


def _kind(found: _Findings, seen: Scan, sentiment: float) -> tuple[Kind, Reason]:
    asks = bool(found.questions) or seen.question_marks > 0
    asked = found.questions or ["?"]
    hard = bool(found.severe or found.blocked)
    if hard or (found.defects and not found.ideas):
        severe = [word for words in found.severe.values() for word in words]
        return "bug", _reason("kind", "defect_words", found.defects or severe)
    if found.ideas:
        return "idea", _reason("kind", "idea_words", found.ideas)
    if asks and sentiment > UNPLEASANT and (seen.question_marks or sentiment < PLEASANT):
        return "question", _reason("kind", "question_words", asked)
    if sentiment <= UNPLEASANT:
        return "complaint", _reason("kind", "unpleasant", found.unpleasant + found.negated)
    if sentiment >= PLEASANT:
        return "praise", _reason("kind", "pleasant", found.pleasant + found.negated)
    return "other", Reason("kind", "nothing_matched")


def _severity(found: _Findings, kind: Kind) -> tuple[Severity, Reason]:
    if found.severe:
        rule = next(rule for rule in _S1.values() if rule in found.severe)
        return "s1", _reason("severity", rule, found.severe[rule])
    if found.blocked:
        if found.everybody:
            return "s1", _reason("severity", "blocks_everybody", found.blocked + found.everybody)
        return "s2", _reason("severity", "blocked", found.blocked)
    if kind not in ("bug", "complaint"):
        return "s4", Reason("severity", f"default_of_{kind}")
    if found.defects and (found.everybody or found.urgent):
        return "s2", _reason("severity", "widespread_or_urgent", found.everybody + found.urgent)
    if kind == "bug" and found.trivial:
        return "s4", _reason("severity", "trivial", found.trivial)
    return "s3", Reason("severity", f"default_of_{kind}")


def _language(seen: Scan) -> str:
    """Name the script's language: a Latin word weighs as two Chinese characters."""
    latin = 2 * seen.latin
    if not seen.han and not latin:
        return "other"
    share = seen.han / (seen.han + latin)
    return "zh" if share > 0.8 else "mixed" if share > 0.2 else "latin"


def _reason(field: str, rule: str, words: list[str]) -> Reason:
    return Reason(field, rule, tuple(dict.fromkeys(words))[:WORDS_IN_REASON])
