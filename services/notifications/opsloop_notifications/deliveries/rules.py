"""When the next attempt is due, and what an answer means. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

WAITS_SECONDS = (5, 30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600)
"""Pinned: attempts at 0 and after each of these."""
JITTER = 0.2
RETRY_AFTER_LIMIT = timedelta(hours=24)
RETRY_AFTER_STATUSES = frozenset({429, 503})
GONE = 410
BODY_KEPT_CHARACTERS = 4_096
TEST_TYPE = "webhook.test"
"""The event that somebody sends to try an endpoint; it goes there only, and is not logged."""


def next_attempt_at(tries: int, now: datetime, *, jitter: float, wait: timedelta | None = None) -> datetime | None:
    """Return when to try again after `tries` attempts, or None when they are used up.

    `jitter` in [0, 1) spreads by up to 20 %, only later; `wait`, what the endpoint asked for, counts when it is longer, up
    to 24 h.
    """
    if tries > len(WAITS_SECONDS):
        return None
    planned = timedelta(seconds=WAITS_SECONDS[tries - 1] * (1 + JITTER * jitter))
    return now + max(planned, min(wait or timedelta(0), RETRY_AFTER_LIMIT))


def retry_after(status: int, value: str | None, now: datetime) -> timedelta | None:
    """Read `Retry-After` (seconds or an HTTP date) of a 429 or 503; anything unreadable is no wish."""
    if status not in RETRY_AFTER_STATUSES or value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError, TypeError):  # years and offsets that no clock has; older patches say TypeError
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(moment - now, timedelta(0))


def is_success(status: int) -> bool:
    """Say whether the endpoint took it: 2xx only."""
    return 200 <= status < 300


def failure_of(status: int) -> str:
    """Return the error class of an answer that is no success."""
    if status == GONE:
        return "gone"
    if 300 <= status < 400:
        return "redirect"
    return "http_error"


def shown_body(body: bytes) -> str | None:
    """Return the first characters of an answer as text that PostgreSQL can keep, or None when it was empty."""
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")[:BODY_KEPT_CHARACTERS] or None
