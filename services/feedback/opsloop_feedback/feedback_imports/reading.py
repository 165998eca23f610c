"""Reads one row of a file by the shape that the contract of a batch has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from opsloop_common.documents import surplus, write_document
from opsloop_common.errors import BadRequest, FieldError, Invalid
from opsloop_common.foreign import Unreadable
from opsloop_common.http.rows import faults_of
from opsloop_common.http.strict_json import read_json, text_flaw
from opsloop_common.limits import BATCH_BYTES, BATCH_CONTAINERS, BATCH_VALUES
from opsloop_feedback.feedback_imports.rules import BadFile, Head, Row, named
from opsloop_feedback.feedback_imports.schemas import ImportRow, MessageRow
from opsloop_feedback.import_formats import rules as formats
from opsloop_feedback.import_formats.rules import Format
from opsloop_feedback.submissions import rules as submissions
from opsloop_feedback.submissions.rules import Submission


@dataclass(frozen=True)
class Refused:
    """A row that is not taken, and why."""

    faults: tuple[FieldError, ...]


@dataclass(frozen=True)
class Post:
    """A post of a file, how far it was, how many wanted it, and what was said below it."""

    said: Submission
    status: str | None
    votes: int
    messages: tuple[MessageRow, ...]


Read = Post | Refused


@dataclass(frozen=True)
class Batch:
    """What holds of all rows of a file."""

    format: Format
    head: Head
    source: str
    channel: str | None
    tag: str | None


def as_lines(data: bytes) -> bytes:
    """Return a file of JSON, a list or one under a name that APIs use, as lines; raises BadFile."""
    if len(data) > BATCH_BYTES or surplus(data, containers=BATCH_CONTAINERS, values=BATCH_VALUES):
        raise BadFile("is too large for one document; send it by lines (application/x-ndjson)")
    try:
        found = formats.wrapped(read_json(data))
    except (BadRequest, Invalid) as error:
        raise BadFile("is not JSON that can be read") from error
    if found is None:
        raise BadFile("holds no list of posts")
    return "".join(f"{write_document(each)}\n" for each in found).encode()


def read_row(row: Row, batch: Batch, now: datetime) -> Read:
    """Return what a row of a file says."""
    if row.flaw is not None:
        return Refused((FieldError("", row.flaw),))
    try:
        value = _value(row, batch)
    except Unreadable as error:
        return Refused((FieldError("", str(error)),))
    except BadRequest:
        return Refused((FieldError("", "is not JSON"),))
    except Invalid as error:
        return Refused(error.errors)
    try:
        read = ImportRow.model_validate(value)
    except ValidationError as refusal:
        return Refused(faults_of(refusal))
    if not submissions.is_said(read.occurred_at, now):
        return Refused((FieldError("/occurred_at", submissions.NOT_YET),))
    return Post(_submission(read, batch), read.status, read.votes, tuple(read.messages))


def _value(row: Row, batch: Batch) -> Any:
    if isinstance(row.cells, bytes):
        return formats.row_of_object(read_json(row.cells), batch.format, batch.channel)
    cells = named(row.cells, batch.head)
    _require_storable(cells)
    return formats.row_of_cells(cells, batch.format, batch.channel)


def _require_storable(cells: Mapping[str, str]) -> None:
    for name, cell in cells.items():
        if flaw := text_flaw(cell):
            raise Invalid(f"/{name}", flaw)


def _submission(read: ImportRow, batch: Batch) -> Submission:
    author = read.author
    tags = read.tags if batch.tag is None or batch.tag in read.tags else [*read.tags, batch.tag]
    return Submission(
        body=read.body,
        source=batch.source,
        channel=read.channel,
        title=read.title,
        kind=read.kind,
        external_id=read.external_id,
        author_user_id=author.user_id if author else None,
        author_email=author.email if author else None,
        author_name=author.name if author else None,
        rating=read.rating,
        locale=read.locale,
        tags=tags,
        area=read.area,
        attributes=read.attributes,
        occurred_at=read.occurred_at,
        source_url=read.source_url,
    )
