"""What a kept question is, and how long its answer holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from opsloop_common.errors import Conflict

ANSWER_SECONDS = 60
"""So long an answer is told again instead of being asked for: whoever looks at a picture does not burden the store."""


class InsightKind(StrEnum):
    """What is asked: the last step of the insight's path."""

    TRENDS = "trends"
    ACTIVE_USERS = "active-users"
    FUNNEL = "funnel"
    RETENTION = "retention"
    LIFECYCLE = "lifecycle"
    STICKINESS = "stickiness"
    PATHS = "paths"
    SESSIONS = "sessions"
    EXPERIENCE = "experience"
    ATTRIBUTION = "attribution"
    BREAKDOWN = "breakdown"
    USAGE = "usage"
    CHURN = "churn"
    NEXT_BEST = "next-best"
    REVENUE = "revenue"


def require_unasked(keys: Sequence[str]) -> None:
    """Raise Conflict for an insight that KPIs, whose keys these are, ask for their value."""
    if keys:
        more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
        raise Conflict(f"the KPIs {', '.join(keys[:5])}{more} ask this insight; change or delete them first")


def zone_of(query: Mapping[str, Any], zone: str) -> str:
    """Return the zone whose days a question means; `zone` is the workspace's."""
    named = query.get("time_zone")
    return named if isinstance(named, str) else zone
