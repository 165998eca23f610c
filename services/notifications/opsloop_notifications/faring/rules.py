"""When an endpoint begins to fail, when it has failed for too long, and what is told of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from opsloop_common.contracts.notifications import WebhookExhausted, WebhookFailing

FAILING_FOR = timedelta(days=5)
FAILURES_BEFORE_TELLING = 4
"""Attempts in a row, as many as one delivery has within six minutes: a restart of the receiver is over by then."""
TELL_FAILING_EVERY = timedelta(hours=1)
"""An endpoint that answers now and then would fill the log with its failing."""
FAILURES_BEFORE_DISABLING = 10
"""More than one exhausted delivery (8 attempts), so that a rarely used endpoint is not judged by a single event."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Attempts of an endpoint that failed, and how the last of them did."""

    count: int
    failure: str
    status_code: int | None


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Deliveries of an endpoint that ended without success, and the first of them."""

    count: int
    delivery_id: UUID
    event_id: UUID
    event_type: str
    failure: str


def has_failed_too_long(failing_since: datetime, failures: int, now: datetime) -> bool:
    """Say whether an endpoint without a success since `failing_since` should get nothing more."""
    return failures >= FAILURES_BEFORE_DISABLING and now - failing_since >= FAILING_FOR


def begins_to_fail(failing_since: datetime, failures: int, told_at: datetime | None, now: datetime) -> bool:
    """Say whether to tell now that an endpoint fails: once since its last success, and not again within an hour."""
    if failures < FAILURES_BEFORE_TELLING:
        return False
    return told_at is None or (told_at < failing_since and now - told_at >= TELL_FAILING_EVERY)


def told_of_failing(webhook_id: UUID, host: str, since: datetime, failures: int, last: Failures) -> WebhookFailing:
    """Return what is told of an endpoint that begins to fail."""
    return WebhookFailing(
        webhook_id=webhook_id,
        host=host,
        failing_since=since,
        failures=failures,
        failure=last.failure,
        status_code=last.status_code,
    )


def told_of_exhausted(webhook_id: UUID, host: str, ended: Exhausted) -> WebhookExhausted:
    """Return what is told of deliveries that ended without success."""
    return WebhookExhausted(
        webhook_id=webhook_id,
        host=host,
        deliveries=ended.count,
        delivery_id=ended.delivery_id,
        event_id=ended.event_id,
        event_type=ended.event_type,
        failure=ended.failure,
    )


def is_told_of(event_type: str) -> bool:
    """Say whether it is told that a delivery of this type ended without success.

    Not of what tells of endpoints: it goes to endpoints too, and each that is lost would make another.
    """
    return not event_type.startswith("webhook.")
