"""HTTP shapes of inboxes."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from opsloop_common import limits
from opsloop_common.http.schemas import InModel, OutModel, Timestamp, absent
from opsloop_notifications.in_app.rules import Mark


class EntryOut(OutModel):
    """One message in an inbox. `position` rises with each change in the inbox, and is the id of the stream's events."""

    id: UUID
    title: str
    body: str
    url: str | None
    locale: str
    status: Literal["unseen", "seen", "read", "archived", "snoozed"]
    is_seen: bool
    is_read: bool
    is_archived: bool
    snoozed_until: Timestamp | None
    position: int
    created_at: Timestamp
    updated_at: Timestamp


class InboxCountsOut(OutModel):
    """How many entries wait. `position`: how far the inbox is; a stream goes on after it."""

    unseen: int
    unread: int
    position: int


class InboxOut(OutModel):
    """One page of an inbox, and what waits in all of it."""

    items: list[EntryOut]
    next_cursor: str | None
    counts: InboxCountsOut


class EntryPatch(InModel):
    """What became of an entry. What is read is seen; what is archived sleeps no longer; null wakes what sleeps."""

    is_seen: bool = Field(default_factory=absent)
    is_read: bool = Field(default_factory=absent)
    is_archived: bool = Field(default_factory=absent)
    snoozed_until: Timestamp | None = None


class MarkIn(InModel):
    """What is done with many: with the `ids` given, null: with all that it may change."""

    mark: Mark
    ids: Annotated[list[UUID], Field(min_length=1, max_length=limits.INBOX_MARKED)] | None = None


class MarkedOut(OutModel):
    """How many are another now. `undo_id` takes that back; null where nothing changed."""

    changed: int
    undo_id: UUID | None


class UndoIn(InModel):
    """Which change of many is taken back."""

    undo_id: UUID


class UndoneOut(OutModel):
    """How many are again what they were; those that changed since are not."""

    changed: int
