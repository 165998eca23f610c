"""Retention: of those who began in an interval, who came back in later ones."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.insights.reference.calendars import Span, iso, span_of
from tests.insights.reference.events import (
    Event,
    by_person,
    chosen,
    field,
    has_name,
    matches,
    real,
    shown_as,
    shown_values,
    text,
)

Member = tuple[str | None, list[bool]]  # one person's place in a row: breakdown value, retained by column


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return a row of shares for each interval (and breakdown value), and their mean over what is complete."""
    span, periods = span_of(query), query.get("periods", 11)
    edges = span.further(periods)
    breakdown = query.get("breakdown")
    rows: list[list[Member]] = [[] for _ in range(span.count)]
    everything = by_person(real(events, query))
    for person, own in by_person(chosen(events, query)).items():
        starts = [one for one in own if matches(one, query["start"])]
        returns = [one["time"] for one in own if matches(one, query["return"])]
        for row, begun in _entries(starts, everything[person], query, span).items():
            value = text(field(begun, breakdown["field"])) if breakdown else None
            counts = _counts(returns, begun["time"], row, edges, query)
            rows[row].append((value, _retained(counts, query)))

    values: list[Any] = [None]
    if breakdown:
        values = shown_values(Counter(value for row in rows for value, _ in row), breakdown.get("limit", 10))
    cohorts = [
        {
            "start": iso(edges[place]),
            "breakdown": value,
            "size": len(members := [own for at, own in row if value is None or shown_as(at or "", values) == value]),
            "values": [_cell(members, place, column, edges, query, now) for column in range(periods)],
        }
        for place, row in enumerate(rows)
        for value in values
    ]
    return {"cohorts": cohorts, "average": [_average(cohorts, column) for column in range(periods)]}


def _entries(starts: list[Event], everything: list[Event], query: Mapping[str, Any], span: Span) -> dict[int, Event]:
    """Return in which rows a person is, and by which event."""
    if not starts:
        return {}
    mode = query.get("mode") or "recurring"
    if mode == "first_ever":
        first = min(one["time"] for one in everything if has_name(one, query["start"]))
        starts = [one for one in starts if one["time"] == first]
    elif mode == "first_time":
        starts = starts[:1]
    found: dict[int, Event] = {}
    for one in starts:
        if (row := span.place(one["time"])) is not None:
            found.setdefault(row, one)
    return found


def _counts(
    returns: list[datetime], begun: datetime, row: int, edges: list[datetime], query: Mapping[str, Any]
) -> Counter[int]:
    """Return how many return events a person has by column."""
    if query.get("windows_24h"):
        return Counter((one - begun) // timedelta(hours=24) for one in returns)
    return Counter(bisect_right(edges, one) - 1 - row for one in returns)


def _retained(counts: Counter[int], query: Mapping[str, Any]) -> list[bool]:
    enough = [counts[column] >= (query.get("min_occurrences") or 1) for column in range(query.get("periods", 11))]
    if query.get("rolling"):
        enough = [any(enough[column:]) for column in range(len(enough))]
    return [True, *enough[1:]]


def _cell(
    members: list[list[bool]], row: int, column: int, edges: list[datetime], query: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    count = sum(own[column] for own in members)
    begin, end = edges[row + column], edges[row + column + 1]
    if query.get("windows_24h"):
        begin = edges[row] + column * timedelta(hours=24)
        end = edges[row + 1] + (column + 1) * timedelta(hours=24)
    share = count / len(members) if members else None
    return {"count": count, "share": share, "has_begun": begin <= now, "is_complete": end <= now}


def _average(cohorts: list[dict[str, Any]], column: int) -> float | None:
    complete = [one for one in cohorts if one["values"][column]["is_complete"]]
    size = sum(one["size"] for one in complete)
    return sum(one["values"][column]["count"] for one in complete) / size if size else None
