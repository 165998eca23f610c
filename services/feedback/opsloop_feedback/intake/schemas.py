"""HTTP shapes of intake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import Field, ValidationError

from opsloop_common.access.principal import Principal
from opsloop_common.contracts.feedback import Channel, Kind
from opsloop_common.errors import FieldError
from opsloop_common.http.rows import FieldErrorOut, Unread, faults_of
from opsloop_common.http.schemas import InModel, Locale, OutModel, Timestamp
from opsloop_feedback.shapes import (
    AttachmentIds,
    Attributes,
    AuthorIn,
    AuthorOut,
    BodyText,
    ExternalId,
    FeedbackOut,
    Label,
    Rating,
    SourceUrl,
    Tags,
    Title,
)
from opsloop_feedback.shapes import FeedbackReceipt as FeedbackReceipt
from opsloop_feedback.submissions import rules as submissions

BATCH_ROWS = 1_000


class SaidIn(InModel):
    """One thing that somebody said, in words."""

    body: BodyText
    title: Title | None = None
    kind: Kind | None = Field(default=None, description="Wins over what triage would say.")
    channel: Channel = "api"
    external_id: ExternalId | None = Field(
        default=None,
        description="The sender's own id, unique with `channel` and the key's `source`; a known one answers the item it has. "
        "Not with a publishable key or a user token.",
    )
    author: AuthorIn | None = None
    rating: Rating | None = None
    locale: Locale | None = None
    tags: Tags = Field(default_factory=list)
    area: Label | None = Field(default=None, description="The part of the product it is about.")
    attributes: Attributes = Field(default_factory=dict, description="Anything else; up to 64 KiB and 32 levels.")
    occurred_at: Timestamp | None = Field(default=None, description="When it was said; now, if absent.")
    source_url: SourceUrl | None = Field(
        default=None,
        description="Where it was said: a thread, a recording. Shown as text, never called. Only with a secret key or by a person.",
    )

    def submission(self, who: Principal) -> submissions.Submission:
        """Return what the use case takes when `who` posts this; a user token's author is its user."""
        author = self.author
        return submissions.Submission(
            body=self.body,
            source=who.source,
            title=self.title,
            kind=self.kind,
            channel=self.channel,
            external_id=self.external_id,
            author_user_id=(author.user_id if author else None) or who.user_id,
            author_email=author.email if author else None,
            author_name=author.name if author else None,
            author_verified=submissions.is_believed(who),
            rating=self.rating,
            locale=self.locale,
            tags=self.tags,
            area=self.area,
            attributes=self.attributes,
            occurred_at=self.occurred_at,
            source_url=self.source_url,
            entered_by=submissions.entered_by(who, self.channel, names_somebody=author is not None),
        )


class FeedbackIn(SaidIn):
    """One thing that somebody said, and the files that show it."""

    attachments: AttachmentIds = Field(default_factory=list)


class FeedbackRow(SaidIn):
    """One row of a batch: as a single post, but it must name itself."""

    external_id: ExternalId


@dataclass(frozen=True)
class InvalidRow:
    """A row of a batch that is refused, and why."""

    external_id: str | None
    errors: tuple[FieldError, ...]


def read_row(value: Any) -> FeedbackRow | InvalidRow:
    """Return a row of a batch, or why it is refused."""
    try:
        return FeedbackRow.model_validate(value)
    except ValidationError as refusal:
        name = value.get("external_id") if isinstance(value, dict) else None
        return InvalidRow(name if isinstance(name, str) and len(name) <= 200 else None, faults_of(refusal))


class BatchIn(InModel):
    """Many posts at once."""

    items: list[Unread[FeedbackRow]] = Field(min_length=1, max_length=BATCH_ROWS)


class BatchItemOut(OutModel):
    """What became of one row."""

    external_id: str | None
    status: Literal["created", "existing", "invalid"]
    id: UUID | None
    errors: list[FieldErrorOut]


class BatchOut(OutModel):
    """What became of each row, in the order sent."""

    items: list[BatchItemOut]


def new_feedback(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a new row, to be written as JSON; `number` is 0 until the database has given it.

    Not through the model: what we made ourselves needs no validation, which took 15 us of a post. A test holds it to what
    the item's own route shows.
    """
    author = {name: row[f"author_{name}"] for name in AuthorOut.model_fields}
    known = {"version": 1, **row, "number": 0, "author": author}
    return {name: known[name] for name in FeedbackOut.model_fields}


def new_receipt(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is told of a new row to who may not read it, as `new_feedback` does."""
    known = {**row, "number": 0}
    return {name: known[name] for name in FeedbackReceipt.model_fields}


def written(new: Mapping[str, Any]) -> bytes:
    """Return a new row as JSON."""
    return orjson.dumps(new, option=orjson.OPT_UTC_Z)
