"""HTTP shapes of many recipients at once."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.access.principal import SLUG
from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.rows import FieldErrorOut, Unread
from opsloop_common.http.schemas import (
    EmailAddress,
    InModel,
    Locale,
    OutModel,
    ShortText,
    Slug,
    Timestamp,
    UserId,
    absent,
)
from opsloop_common.limits import TOPICS_PER_WORKSPACE
from opsloop_notifications.recipient_imports.rules import Format
from opsloop_notifications.shapes import map_contract

BATCH_ROWS = 1_000
Wishes = Annotated[
    dict[Slug, bool],
    Field(max_length=TOPICS_PER_WORKSPACE),
    map_contract(names=SLUG, most=TOPICS_PER_WORKSPACE, value={"type": "boolean"}),
]


class ConsentIn(InModel):
    """On what ground addresses are known to be those people's: where they said so (`checkout 2025`), and when."""

    source: ShortText
    at: Timestamp


class RecipientRow(InModel):
    """One person; what is left out stays as it is.

    With `consent` the address is confirmed. Without it, it is unconfirmed, and replaces no confirmed one. `topics`: whether a topic is
    wanted by mail, for those who said nothing of it themselves.
    """

    user_id: UserId
    email: EmailAddress | None = Field(default_factory=absent)
    locale: Locale | None = Field(default_factory=absent)
    name: ShortText | None = Field(default_factory=absent)
    time_zone: TimeZone | None = Field(default_factory=absent)
    topics: Wishes = Field(default_factory=dict)
    consent: ConsentIn | None = None


class RecipientBatchIn(InModel):
    """Many people at once. `consent` is that of all rows with an address that say none."""

    items: list[Unread[RecipientRow]] = Field(min_length=1, max_length=BATCH_ROWS)
    consent: ConsentIn | None = None


class RecipientBatchItemOut(OutModel):
    """What became of one row. `kept_address`: a confirmed address stayed, since the row gave no ground for another."""

    user_id: str | None
    status: Literal["created", "updated", "existing", "invalid"]
    kept_address: bool
    errors: list[FieldErrorOut]


class RecipientBatchOut(OutModel):
    """What became of each row, in the order sent."""

    items: list[RecipientBatchItemOut]


class RecipientImportOut(OutModel):
    """A file of recipients. Of `rows` read so far so many were `created`, `updated`, `existing` as they are, or `refused`.

    `kept_addresses`: rows that gave no ground for replacing a confirmed address. `ignored_columns` are no fields of ours. A dry run
    changes nothing: it counts what would be. `job_id` is the job that reads the file, or takes it back.
    """

    id: UUID
    name: str
    format: Format
    ignored_columns: list[str]
    is_dry_run: bool
    stage: Literal["importing", "done", "cancelled", "undoing", "undone"]
    job_id: UUID | None
    size: int
    rows: int
    created: int
    updated: int
    existing: int
    refused: int
    kept_addresses: int
    created_by: str
    created_at: Timestamp
    finished_at: Timestamp | None


class RecipientImportErrorOut(OutModel):
    """A refused row of a file; a CSV's head is row 1. `field` is the column at fault, of NDJSON a pointer, where one is."""

    row: int
    field: str | None
    detail: str
