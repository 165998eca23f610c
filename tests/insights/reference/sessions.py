"""Sessions: what a person did without half an hour's break."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from tests.insights.reference.calendars import Span, span_of
from tests.insights.reference.events import ACTIVITY, Event, by_person, chosen

IDLE, MARGIN = timedelta(minutes=30), timedelta(hours=24)


def sessions_of(events: Iterable[Event], since: datetime, until: datetime) -> list[list[Event]]:
    """Return all sessions with an event near a range, their events in order; events are those that exist for the query."""
    near = [one for one in events if one["kind"] in ACTIVITY and since - MARGIN <= one["time"] < until + MARGIN]
    return [session for own in by_person(near).values() for session in cut(own)]


def cut(events: list[Event]) -> list[list[Event]]:
    """Return one person's events, which are in order, as sessions."""
    found: list[list[Event]] = []
    for event in events:
        if found and event["time"] - found[-1][-1]["time"] <= IDLE:
            found[-1].append(event)
        else:
            found.append([event])
    return found


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return how many sessions began in each interval, how long they were and how many were bounces."""
    span = span_of(query)
    begun: list[list[list[Event]]] = [[] for _ in range(span.count)]
    for session in sessions_of(chosen(events, query), span.first, span.until):
        if (place := span.place(session[0]["time"])) is not None:
            begun[place].append(session)
    return {"intervals": span.labels(), **_columns(span, begun)}


def _columns(span: Span, begun: list[list[list[Event]]]) -> dict[str, list[Any]]:
    return {
        "sessions": [len(some) for some in begun],
        "average_seconds": [mean([seconds(one) for one in some]) for some in begun],
        "bounce_rate": [mean([len(one) == 1 for one in some]) for some in begun],
        "people": [len({one[0]["person"] for one in some}) for some in begun],
    }


def seconds(session: list[Event]) -> float:
    """Return the length of a session."""
    return (session[-1]["time"] - session[0]["time"]).total_seconds()


def mean(values: list[Any]) -> float | None:
    """Return the mean, None of nothing."""
    return fmean(values) if values else None
