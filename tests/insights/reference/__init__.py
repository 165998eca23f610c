"""The insights in plain Python, as docs/insights.md defines them: slow, and simple enough to be believed.

It shares no code with the product and imports the standard library alone, so that an error of one is no error of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from tests.insights.reference import active_users, funnels, lifecycle, paths, retention, sessions, stickiness, trends
from tests.insights.reference.events import Event

ANSWERS: dict[str, Callable[[list[Event], dict[str, Any], datetime], dict[str, Any]]] = {
    "trends": trends.answer,
    "active-users": active_users.answer,
    "funnel": funnels.answer,
    "retention": retention.answer,
    "lifecycle": lifecycle.answer,
    "stickiness": stickiness.answer,
    "paths": paths.answer,
    "sessions": sessions.answer,
}


def answer(insight: str, events: Iterable[Event], query: dict[str, Any], *, now: datetime) -> dict[str, Any]:
    """Return what `POST /v1/insights/<insight>` answers to a query about these events, which may come in any order."""
    return ANSWERS[insight](list(events), query, now)
