"""HTTP shapes of triage rules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_common.filters import Filter
from opsloop_common.http.schemas import FilterTermOut, InModel, OutModel, Timestamp, absent
from opsloop_feedback.shapes import Decision, Position


class TriageRulePatch(InModel):
    """What to change; fields left out stay. `set` is given whole."""

    position: Position = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)
    when: Filter = Field(default_factory=absent)
    set: Decision = Field(default_factory=absent)

    def changes(self) -> dict[str, Any]:
        """Return what the use case takes."""
        said = self.model_dump(mode="json", exclude_unset=True)
        return {name: value for name, value in said.items() if name != "set"} | (
            self.set.model_dump(mode="json") if "set" in self.model_fields_set else {}
        )


class DecisionOut(OutModel):
    """What a post then is."""

    kind: Kind | None
    severity: Severity | None
    area: str | None
    add_tags: list[str]


class TriageRuleOut(OutModel):
    """A rule."""

    id: UUID
    name: str
    position: int
    enabled: bool
    when: list[FilterTermOut]
    set: DecisionOut
    created_at: Timestamp
    updated_at: Timestamp
