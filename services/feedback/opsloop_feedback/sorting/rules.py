"""How a post is sorted: by the words, then by what was learnt from this workspace's corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsloop_feedback.learning.rules import Judged, Model, features_of, judge, prior_of
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.triage.rules import Triage, triage
from opsloop_feedback.verdicts.rules import Reason

BY_DEFAULT = "default_of_"
LEARNED = "learned"
MOST_SEVERE = "s1"
_BY_KIND = {"bug": "s3", "complaint": "s3"}


@dataclass(frozen=True)
class Sorted:
    """How a post was sorted, and the document that says by what."""

    kind: str
    severity: str
    sentiment: float
    area: str | None
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

    def sort(self, said: Submission) -> Sorted:
        """Sort one post. What the sender says about kind and area stays."""
        found = triage(said.body, title=said.title, rating=said.rating, kind=said.kind)
        draft = _Draft(found.kind, found.severity, said.area, found.confidence, list(found.reasons))
        if self.models:
            self._learned(said, found, draft)
        order = {reason.field: place for place, reason in reversed(list(enumerate(found.reasons)))}
        draft.reasons.sort(key=lambda reason: order.get(reason.field, len(order)))
        document = found.document() | {
            "kind": draft.kind,
            "severity": draft.severity,
            "area": draft.area if draft.area != said.area else None,
            "confidence": draft.confidence,
            "reasons": [reason.document() for reason in draft.reasons],
        }
        return Sorted(draft.kind, draft.severity, found.sentiment, draft.area, document)

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


def _follow(draft: _Draft) -> None:
    """Let a severity that was its kind's be that of the other kind."""
    if any(reason.field == "severity" and reason.rule.startswith(BY_DEFAULT) for reason in draft.reasons):
        severity = _BY_KIND.get(draft.kind, "s4")
        draft.decide("severity", severity, Reason("severity", BY_DEFAULT + draft.kind))


UNTAUGHT = Sorter()
"""What a workspace sorts by that taught and decided nothing."""
