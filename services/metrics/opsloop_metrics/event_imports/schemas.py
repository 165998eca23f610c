"""HTTP shapes of files of events."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_metrics.event_files.rules import Format


class ColumnsOut(OutModel):
    """Which column says what."""

    event: str
    time: str
    user_id: str
    anonymous_id: str
    message_id: str


class ImportOut(OutModel):
    """A file of events. Of `rows` read so far so many were stored, known already, or refused; a CSV's header and blank lines are none.

    Times without an offset are of `time_zone`. `size` is in bytes, `parts` how many have come. `job_id` is the job that reads it, or
    takes it back.
    """

    id: UUID
    name: str
    format: Format
    columns: ColumnsOut
    time_zone: str
    stage: Literal["uploading", "importing", "done", "cancelled", "undoing", "undone"]
    job_id: UUID | None
    parts: int
    size: int
    rows: int
    stored: int
    known: int
    refused: int
    created_by: str
    created_at: Timestamp
    finished_at: Timestamp | None


class PreviewedRowOut(OutModel):
    """A row as it would be read, or the reason for which it would be refused; then the fields before are null.
    `column` is the one at fault, where one is, and `value` the beginning of what stands there.

    Of orders, refunds and downloads `properties` say all that was read, money in minor units.
    """

    row: int
    event: str | None
    time: Timestamp | None
    distinct_id: str | None
    is_identified: bool
    message_id: str | None
    properties: dict[str, JsonValue]
    reason: str | None
    detail: str | None
    column: str | None
    value: str | None


class ImportPreviewOut(OutModel):
    """How a file would be read: a CSV's columns and what stands between its cells, and the first 20 rows.

    Their times are instants; those without an offset are read in `time_zone`.
    """

    format: Format
    columns: list[str]
    delimiter: str | None
    time_zone: str
    rows: list[PreviewedRowOut]


class ImportErrorOut(OutModel):
    """A refused row of a file, from 1; a CSV's header is row 1. `raw` is how it came, as far as it is kept.

    `column` is the one at fault, where one is, and `value` what stands there, of which 200 characters are kept.
    """

    row: int
    column: str | None
    value: str | None
    reason: str
    detail: str
    raw: str | None
