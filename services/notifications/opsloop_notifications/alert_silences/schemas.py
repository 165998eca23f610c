"""HTTP shapes of silences and inhibition rules."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, said
from opsloop_notifications.alerts.rules import AlertStatus
from opsloop_notifications.shapes import LabelName, MatcherOut, Matchers

Comment = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
Equal = Annotated[list[LabelName], Field(max_length=20)]


class SilenceIn(InModel):
    """What to keep quiet, for how long, and why. Without `starts_at` it begins now."""

    matchers: Matchers
    starts_at: Timestamp | None = None
    ends_at: Timestamp
    comment: Comment


class SilencePatch(InModel):
    """What to change; fields left out stay."""

    matchers: Matchers = Field(default_factory=absent)
    starts_at: Timestamp = Field(default_factory=absent)
    ends_at: Timestamp = Field(default_factory=absent)
    comment: Comment = Field(default_factory=absent)


class SilenceOut(OutModel):
    """A silence; `state` is by the clock."""

    id: UUID
    matchers: list[MatcherOut]
    starts_at: Timestamp
    ends_at: Timestamp
    state: Literal["pending", "active", "expired"]
    comment: str
    created_by: str
    created_at: Timestamp
    updated_at: Timestamp


class PreviewIn(InModel):
    """What would be kept quiet."""

    matchers: Matchers


class PreviewedAlert(OutModel):
    """An alert that matchers hold for."""

    id: UUID
    name: str
    severity: str | None
    labels: dict[str, str]
    status: AlertStatus


class PreviewOut(OutModel):
    """How many alerts that fire the matchers hold for, and the first hundred of them."""

    count: int
    alerts: list[PreviewedAlert]


class InhibitionIn(InModel):
    """While an alert that `source` holds for fires, those of `target` are not told of, if both say the same in all `equal` labels."""

    name: ShortText
    source: Matchers
    target: Matchers
    equal: Equal = Field(default_factory=list)


class InhibitionPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    source: Matchers = Field(default_factory=absent)
    target: Matchers = Field(default_factory=absent)
    equal: Equal = Field(default_factory=absent)


class InhibitionOut(OutModel):
    """An inhibition rule."""

    id: UUID
    name: str
    source: list[MatcherOut]
    target: list[MatcherOut]
    equal: list[str]
    created_at: Timestamp
    updated_at: Timestamp
