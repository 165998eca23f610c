"""HTTP shapes of macros."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, UserId, absent
from opsloop_feedback.shapes import Label, Tags
from opsloop_feedback.submissions.rules import readable

Note = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(readable)]
NextStatus = Literal["open", "pending", "snoozed", "resolved", "closed"]


class MacroIn(InModel):
    """Changes of a feedback that are made as one: a canned reply to its author, a note among us, tags, status, team, assignee."""

    name: ShortText
    canned_reply_id: UUID | None = None
    note: Note | None = None
    add_tags: Tags = Field(default_factory=list)
    remove_tags: Tags = Field(default_factory=list)
    status: NextStatus | None = None
    team: Label | None = None
    assignee: UserId | None = None


class MacroPatch(InModel):
    """What to change; fields left out stay, null has the macro leave that alone."""

    name: ShortText = Field(default_factory=absent)
    canned_reply_id: UUID | None = None
    note: Note | None = None
    add_tags: Tags = Field(default_factory=absent)
    remove_tags: Tags = Field(default_factory=absent)
    status: NextStatus | None = None
    team: Label | None = None
    assignee: UserId | None = None


class MacroOut(OutModel):
    """A macro."""

    id: UUID
    name: str
    canned_reply_id: UUID | None
    note: str | None
    add_tags: list[str]
    remove_tags: list[str]
    status: NextStatus | None
    team: str | None
    assignee: str | None
    created_at: Timestamp
    updated_at: Timestamp
