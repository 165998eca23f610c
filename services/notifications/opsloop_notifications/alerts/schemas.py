"""HTTP shapes of alerts."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import GivenId, InModel, OutModel, Timestamp, said
from opsloop_notifications.alerts.rules import EntryKind
from opsloop_notifications.labels.rules import NAME_PATTERN

Note = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
LabelFilter = Annotated[
    str, StringConstraints(max_length=1_200, pattern=NAME_PATTERN.removesuffix("$") + r"=[^\x00]*$")
]


class AlertOut(OutModel):
    """An alert: one set of labels. `ends_at` is when it ends unless it is said again that it fires. One that is `flapping` fired too
    often lately for its end to count at once; `held_at` is since when it is quiet."""

    id: UUID
    fingerprint: str
    name: str
    severity: str | None
    labels: dict[str, str]
    annotations: dict[str, str]
    generator_url: str
    event_type: str | None
    incident: str | None
    status: Literal["firing", "resolved"]
    starts_at: Timestamp
    ends_at: Timestamp | None
    flapping: bool
    held_at: Timestamp | None
    resolved_at: Timestamp | None
    firings: int
    acknowledged_at: Timestamp | None
    acknowledged_by: str | None
    assignee: str | None
    created_at: Timestamp
    updated_at: Timestamp


class AlertEntryOut(OutModel):
    """One step of an alert's life; nobody changes it."""

    id: UUID
    kind: EntryKind
    at: Timestamp
    actor: str
    note: str | None
    detail: dict[str, Any]


class AlertWithLogOut(AlertOut):
    """An alert with the newest 200 steps of its log, newest first."""

    log: list[AlertEntryOut]


class AlertNote(InModel):
    """A word for the log, if there is one."""

    note: Note | None = None


class NoteIn(InModel):
    """What to write into the log."""

    note: Note


class AssignIn(InModel):
    """Who has it; null gives it to nobody."""

    assignee: GivenId | None = Field()
