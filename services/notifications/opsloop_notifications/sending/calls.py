"""What is handed to the sender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from opsloop_common.contracts.envelope import CONTENT_TYPE
from opsloop_common.documents import read_document
from opsloop_notifications.bindings.rules import text_for
from opsloop_notifications.deliveries.rules import IN_ORDER, TEST_TYPE
from opsloop_notifications.formats.rules import Language
from opsloop_notifications.handshakes.rules import calls_a_second
from opsloop_notifications.pulses.rules import LONGEST_PAUSE

KIND = "webhooks"


@dataclass(frozen=True, slots=True)
class Call:
    """One claimed delivery with its endpoint, in the line `group`; `line_id` where it is the first of a line of its stream.

    `tries` of the schedule and `made` attempts in all ended before; `planned_at` is when it was first to go out.
    """

    id: UUID
    workspace: str
    group: str
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
    template: str | None
    sealed_secrets: tuple[str, ...]
    tries: int
    made: int
    planned_at: datetime
    rate: float | None
    says_origin: bool
    is_failing: bool
    line_id: UUID | None

    @property
    def kind(self) -> str:
        """Return the name of the queue."""
        return KIND

    @property
    def payload(self) -> str | None:
        """Return the body where a template made it, and so was made."""
        return None if self.template is None or self.content_type == CONTENT_TYPE else self.body.decode()

    @property
    def is_in_order(self) -> bool:
        """Say whether it waits for the end of the one before it."""
        return self.group.endswith(IN_ORDER)

    @property
    def is_retry(self) -> bool:
        """Say whether an attempt of it failed already."""
        return self.tries > 0

    @property
    def held_until_at_most(self) -> datetime | None:
        """Return how long the call may be kept from an endpoint that fails; None when that is up to the endpoint.

        Repeated ones, and the test that somebody sends, go at their times.
        """
        if self.is_in_order:
            return None
        is_at_its_time = self.is_retry or self.event_type == TEST_TYPE
        return self.planned_at if is_at_its_time else self.planned_at + LONGEST_PAUSE


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
        group=row["group_key"],
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
        template=row["payload_template"],
        sealed_secrets=secrets,
        tries=row["tries"],
        made=row["attempt_count"],
        planned_at=row["created_at"],
        rate=calls_a_second(row["format"], row["rate_limit"], row["allowed_rate"]),
        says_origin=row["handshake"],
        is_failing=row["is_failing"],
        line_id=row["line_id"],
    )


@dataclass(frozen=True, slots=True)
class Held:
    """A call that was not made, as the endpoint is left alone until then."""

    call: Call
    until: datetime


def read_call(row: Mapping[str, Any], now: datetime) -> Call:
    """Return the call of a row that was claimed: only its document says what the event's headers need.

    What is told of alerts is no event: it has no time of its own.
    """
    told = read_document(row["document"])
    is_event = "specversion" in told
    return call_from(
        row,
        now,
        body=text_for(row["source"], row["document"]).encode(),
        happened_at=datetime.fromisoformat(told["time"]) if is_event else now,
        traceparent=told.get("traceparent"),
        content_type=CONTENT_TYPE if is_event else "application/json",
    )
