"""What an endpoint is called for, and when it has failed for too long. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from opsloop_common.contracts.known import covers, types_of
from opsloop_common.filters import read_filter, require_meant

FAILING_FOR = timedelta(days=5)
FAILURES_BEFORE_DISABLING = 10
"""More than one exhausted delivery (8 attempts), so that a rarely used endpoint is not judged by a single event."""


class WebhookStatus(StrEnum):
    """`deleted` keeps the row for its deliveries' history; the API no longer shows it."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Listener:
    """An endpoint that gets events: what it wants of them, and what calling it takes when it was read to be called."""

    id: UUID
    event_types: Sequence[str]
    filter: Sequence[Any]
    address: Mapping[str, Any]
    state: str = ""
    """What would be another if any of this had changed."""


def hears(patterns: Sequence[str], event_type: str) -> bool:
    """Say whether one of the patterns (`*`, `kpi.*`, exact names) covers the type."""
    return any(covers(pattern, event_type) for pattern in patterns)


def require_filter(filter: Sequence[Mapping[str, Any]], patterns: Sequence[str]) -> None:
    """Raise Invalid for a filter on a field that none of the events that the patterns cover has."""
    require_meant(read_filter(filter), types_of(patterns), "/filter")


def has_failed_too_long(failing_since: datetime, failures: int, now: datetime) -> bool:
    """Say whether an endpoint without a success since `failing_since` should get nothing more."""
    return failures >= FAILURES_BEFORE_DISABLING and now - failing_since >= FAILING_FOR


def without_path(url: str) -> str:
    """Return whom a URL calls; what comes after that is often what lets one in."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/…"
