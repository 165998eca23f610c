"""Lifecycle: of those who are active, who is new, who came back, and who stayed away."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.insights.reference.calendars import span_of
from tests.insights.reference.events import Event, chosen, matches


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the people of each interval by what they are in it; the dormant as negative numbers."""
    span = span_of(query)
    before = span.calendar.before(span.first, span.interval)
    edges = [before, *span.edges]
    first_seen: dict[str, datetime] = {}
    for one in events:
        if one["person"] and one["kind"] != "domain":
            first_seen[one["person"]] = min(one["time"], first_seen.get(one["person"], one["time"]))
    own = [one for one in chosen(events, query) if one["person"] and matches(one, query)]
    # active[0] is the interval before the range
    active: list[set[str]] = []
    for start, end in itertools.pairwise(edges):
        active.append({one["person"] or "" for one in own if start <= one["time"] < min(end, span.until)})
    found: dict[str, list[int]] = {"new": [], "returning": [], "resurrecting": [], "dormant": []}
    for place in range(1, len(active)):
        here, earlier = active[place], active[place - 1]
        new = {person for person in here if edges[place] <= first_seen[person]}
        found["new"].append(len(new))
        found["returning"].append(len(here & earlier))
        found["resurrecting"].append(len(here - earlier - new))
        found["dormant"].append(-len(earlier - here))
    return {"intervals": span.labels(), **found}
