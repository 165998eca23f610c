"""HTTP shapes of files of posts."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.contracts.feedback import Channel, Kind
from opsloop_common.http.schemas import InModel, Locale, OutModel, ShortText, Timestamp, absent
from opsloop_feedback.feedback_imports.rules import FileType
from opsloop_feedback.import_formats.rules import Format
from opsloop_feedback.shapes import Attributes, AuthorIn, BodyText, ExternalId, Label, Rating, SourceUrl, Tags, Title

MESSAGES = 500


class MessageRow(InModel):
    """What was answered, or noted, below a post."""

    kind: Literal["reply", "note"]
    body: BodyText
    by: ShortText | None = None
    at: Timestamp | None = None


class ImportRow(InModel):
    """One post of a file: as in a batch, with how far it was, how many wanted it, and what was said below it."""

    body: BodyText
    external_id: ExternalId
    title: Title | None = None
    kind: Kind | None = None
    channel: Channel = "api"
    author: AuthorIn | None = None
    rating: Rating | None = None
    locale: Locale | None = None
    tags: Tags = Field(default_factory=list)
    area: Label | None = None
    attributes: Attributes = Field(default_factory=dict)
    occurred_at: Timestamp | None = None
    source_url: SourceUrl | None = None
    status: Literal["new", "open", "pending", "snoozed", "resolved", "closed"] | None = Field(default_factory=absent)
    votes: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    messages: Annotated[list[MessageRow], Field(max_length=MESSAGES)] = Field(default_factory=list)


class FeedbackImportOut(OutModel):
    """A file of posts. Of `rows` read so far so many were `created`, `existing` as they are, or `refused`.

    `ignored_columns` are no fields of ours. A dry run changes nothing: it counts what would be. `job_id` is the job that reads the file,
    or takes it back; of what it brought `removed` went then, and `kept` stayed, since people had worked on it.
    """

    id: UUID
    name: str
    tag: str | None
    format: Format
    type: FileType
    ignored_columns: list[str]
    is_dry_run: bool
    stage: Literal["importing", "done", "cancelled", "undoing", "undone"]
    job_id: UUID | None
    size: int
    rows: int
    created: int
    existing: int
    refused: int
    removed: int
    kept: int
    source: str
    created_by: str
    created_at: Timestamp
    finished_at: Timestamp | None


class FeedbackImportErrorOut(OutModel):
    """A refused row of a file; a CSV's head is row 1. `field` is the column at fault, of JSON a pointer, where one is."""

    row: int
    field: str | None
    detail: str
