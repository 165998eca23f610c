"""How a post is sorted: by the words, by what was learnt from this workspace's corrections, and by what its team decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opsloop_feedback.learning.rules import Judged, Model, features_of, judge, prior_of
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.taxonomy.rules import Areas
from opsloop_feedback.triage.rules import READ_CHARACTERS, Triage, searchable, triage
from opsloop_feedback.triage_rules.rules import TeamRule
from opsloop_feedback.verdicts.rules import Reason

BY_DEFAULT = "default_of_"
LEARNED, DECIDED = "learned", "team_rule"
TAGS, WORDS_SHOWN = 50, 8
MOST_SEVERE = "s1"
_BY_KIND = {"bug": "s3", "complaint": "s3"}


@dataclass(frozen=True)
class Sorted:
    """How a post was sorted, and the document that says by what."""

    kind: str
    severity: str
    sentiment: float
    area: str | None
    tags: list[str]
    document: dict[str, Any]


@dataclass
class _Draft:
    """How a post is sorted so far, and why: a reason of each field."""

    kind: str
    severity: str
    area: str | None
    confidence: float
    reasons: list[Reason]

    def decide(self, name: str, value: str | None, why: Reason) -> None:
        setattr(self, name, value)
        self.reasons = [why, *(reason for reason in self.reasons if reason.field != name)]


@dataclass(frozen=True)
class Sorter:
    """What a workspace sorts by."""

    models: Mapping[str, Model] = field(default_factory=dict)
    rules: Sequence[TeamRule] = ()
    areas: Areas | None = None

    def sort(self, said: Submission) -> Sorted:
        """Sort one post. What the sender says about kind and area stays."""
        found = triage(said.body, title=said.title, rating=said.rating, kind=said.kind)
        draft = _Draft(found.kind, found.severity, said.area, found.confidence, list(found.reasons))
        if self.areas is not None and said.area is None:
            about = self.areas.about(_text(said))
            if about is not None:
                draft.decide("area", about[0], Reason("area", "taxonomy", tuple(about[1][:WORDS_SHOWN])))
        if self.models:
            self._learned(said, found, draft)
        tags = self._decided(said, found, draft) if self.rules else said.tags
        order = {reason.field: place for place, reason in reversed(list(enumerate(found.reasons)))}
        draft.reasons.sort(key=lambda reason: order.get(reason.field, len(order)))
        document = found.document() | {
            "kind": draft.kind,
            "severity": draft.severity,
            "area": draft.area if draft.area != said.area else None,
            "confidence": draft.confidence,
            "reasons": [reason.document() for reason in draft.reasons],
        }
        return Sorted(draft.kind, draft.severity, found.sentiment, draft.area, tags, document)

    def _learned(self, said: Submission, found: Triage, draft: _Draft) -> None:
        features = features_of(f"{said.title}\n{said.body}" if said.title else said.body)

        def judged(name: str) -> Judged | None:
            model = self.models.get(name)
            prior = prior_of(name, found.scores, found.severity, draft.area)
            return None if model is None else judge(model, features, prior)

        kind = judged("kind") if said.kind is None else None
        if kind is not None:
            draft.confidence = kind.confidence
            if kind.label != draft.kind:
                draft.decide("kind", kind.label, Reason("kind", LEARNED, tuple(kind.words)))
                _follow(draft)
        severity = judged("severity")
        # what is most severe by the words is made less so by a person only
        if severity is not None and severity.label != found.severity and found.severity != MOST_SEVERE:
            draft.decide("severity", severity.label, Reason("severity", LEARNED, tuple(severity.words)))
        area = judged("area") if said.area is None else None
        if area is not None and (area.label or None) != draft.area:
            draft.decide("area", area.label or None, Reason("area", LEARNED, tuple(area.words)))

    def _decided(self, said: Submission, found: Triage, draft: _Draft) -> list[str]:
        """Take what the team decided; the first rule that holds decides a field. Returns the tags, with those of all that hold."""
        post = {"data": _seen(said, found, draft)}
        given = {"kind": said.kind, "area": said.area}
        decided, tags = {name for name, value in given.items() if value is not None}, list(said.tags)
        for rule in self.rules:
            if not rule.holds(post):
                continue
            tags += [tag for tag in rule.add_tags if tag not in tags]
            for name in rule.decides.keys() - decided:
                draft.decide(name, rule.decides[name], Reason(name, DECIDED, (rule.name,)))
                decided.add(name)
                if name == "kind":
                    draft.confidence = 1.0
                    _follow(draft)
        return tags[:TAGS]


def _text(said: Submission) -> str:
    """Return what is read of a post, in the spelling in which words are looked for."""
    return searchable((f"{said.title}\n{said.body}" if said.title else said.body)[:READ_CHARACTERS])


def _seen(said: Submission, found: Triage, draft: _Draft) -> dict[str, Any]:
    """Return what conditions look at."""
    return {
        "text": _text(said),
        "title": said.title,
        "rating": said.rating,
        "channel": said.channel,
        "locale": said.locale,
        "source": said.source,
        "language": found.language,
        "author": {"user_id": said.author_user_id},
        "kind": draft.kind,
        "severity": draft.severity,
        "sentiment": found.sentiment,
        "area": draft.area,
        "tags": said.tags,
        "attributes": said.attributes,
    }


def _follow(draft: _Draft) -> None:
    """Let a severity that was its kind's be that of the other kind."""
    if any(reason.field == "severity" and reason.rule.startswith(BY_DEFAULT) for reason in draft.reasons):
        severity = _BY_KIND.get(draft.kind, "s4")
        draft.decide("severity", severity, Reason("severity", BY_DEFAULT + draft.kind))


UNTAUGHT = Sorter()
"""What a workspace sorts by that taught and decided nothing."""
