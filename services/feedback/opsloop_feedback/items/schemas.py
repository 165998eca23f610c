"""HTTP shapes of items."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from opsloop_common.contracts.feedback import Kind, Severity
from opsloop_common.http.schemas import InModel, Locale, Timestamp, UserId, absent
from opsloop_feedback.shapes import Label, Tags, Title
from opsloop_feedback.states.rules import Status

Sentiment = Annotated[float, Field(ge=-1, le=1)]


class FeedbackPatch(InModel):
    """Fields to change; absent ones stay, null empties."""

    status: Status = Field(default_factory=absent)
    kind: Kind = Field(default_factory=absent)
    severity: Severity = Field(default_factory=absent)
    sentiment: Sentiment = Field(default_factory=absent)
    tags: Tags = Field(default_factory=absent)
    area: Label | None = None
    title: Title | None = None
    locale: Locale | None = None
    assignee: UserId | None = None
    team: Label | None = None
    due_at: Timestamp | None = None
