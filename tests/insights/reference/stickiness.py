"""Stickiness: in how many of the intervals each person was there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import Event, chosen, matches


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return how many people were active in exactly 1, 2, … all intervals."""
    span = span_of(query)
    there = {
        (one["person"], span.place(one["time"]))
        for one in chosen(events, query)
        if one["person"] and matches(one, query) and span.place(one["time"]) is not None
    }
    people = Counter(Counter(person for person, _ in there).values())
    return {"periods": span.count, "people": [people[count] for count in range(1, span.count + 1)]}
