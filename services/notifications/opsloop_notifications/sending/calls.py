"""What is handed to the sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from opsloop_common.contracts.envelope import CONTENT_TYPE
from opsloop_common.documents import read_document
from opsloop_notifications.formats.rules import Language

KIND = "webhooks"
CLAIMED_AT_FIRST = 64
"""How many deliveries of an endpoint a process holds before it has seen it answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One claimed delivery with its endpoint. `tries` of the schedule and `made` attempts in all ended before."""

    id: UUID
    workspace: str
    webhook_id: UUID
    event_id: UUID
    event_type: str
    body: bytes
    content_type: str
    happened_at: datetime
    traceparent: str | None
    url: str
    format: str
    language: Language
    sealed_bot_secret: str | None
    sealed_headers: str | None
    sealed_secrets: tuple[str, ...]
    tries: int
    made: int
    is_failing: bool

    @property
    def kind(self) -> str:
        """Return the name of the queue."""
        return KIND

    @property
    def group(self) -> str:
        """Return the endpoint's id."""
        return str(self.webhook_id)


def call_from(
    row: Mapping[str, Any],
    now: datetime,
    *,
    body: bytes,
    happened_at: datetime,
    traceparent: str | None,
    content_type: str = CONTENT_TYPE,
) -> Call:
    """Return the call that a row of delivery and endpoint stands for, with the secrets that it is to be signed with now."""
    secrets: tuple[str, ...] = (row["secret"],)
    if row["previous_secret"] and row["previous_expires_at"] and now < row["previous_expires_at"]:
        secrets = (row["secret"], row["previous_secret"])  # its grace period has not ended
    return Call(
        id=row["id"],
        workspace=row["workspace"],
        webhook_id=row["webhook_id"],
        event_id=row["event_id"],
        event_type=row["event_type"],
        body=body,
        content_type=content_type,
        happened_at=happened_at,
        traceparent=traceparent,
        url=row["url"],
        format=row["format"],
        language=row["language"],
        sealed_bot_secret=row["sealed_bot_secret"],
        sealed_headers=row["sealed_headers"],
        sealed_secrets=secrets,
        tries=row["tries"],
        made=row["attempt_count"],
        is_failing=row["is_failing"],
    )


def read_call(row: Mapping[str, Any], now: datetime) -> Call:
    """Return the call of a row that was claimed: only its document says what the event's headers need.

    What is told of alerts is no event: it has no time of its own.
    """
    told = read_document(row["document"])
    is_event = "specversion" in told
    return call_from(
        row,
        now,
        body=row["document"].encode(),
        happened_at=datetime.fromisoformat(told["time"]) if is_event else now,
        traceparent=told.get("traceparent"),
        content_type=CONTENT_TYPE if is_event else "application/json",
    )
