"""Funnels: how many come how far, in what time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count as numbers_from
from itertools import pairwise
from math import ceil, floor
from statistics import fmean, median
from typing import Any

from tests.insights.reference.calendars import Span, span_of
from tests.insights.reference.chains import Candidate, Chain, best_chain, mandatory, start_times, window
from tests.insights.reference.events import (
    ACTIVITY,
    NONE,
    Event,
    by_person,
    chosen,
    field,
    label,
    matches,
    shown_as,
    shown_values,
    text,
)
from tests.insights.reference.sessions import sessions_of


@dataclass
class Entrant:
    """Someone's (or one session's, one attempt's) way through the funnel; `may_go_on`: its window is still open."""

    chain: Chain
    may_go_on: bool

    def did(self, step: int) -> bool:
        """Say whether a step was done."""
        return step in self.chain.served

    def seconds(self, since: int, step: int) -> float:
        """Return the time from one step to another."""
        return (self.chain.time(step) - self.chain.time(since)).total_seconds()


def answer(events: list[Event], query: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the funnel's steps, the times to convert, and the steps by breakdown value."""
    span, existing = span_of(query), chosen(events, query)
    everyone = _entrants(existing, query, span, now)
    breakdown = query.get("breakdown")
    return {
        "steps": _steps(everyone, query),
        "time_to_convert": _time_to_convert(everyone, query),
        "breakdown": _divided(existing, everyone, query, span, now) if breakdown else None,
    }


def _entrants(events: list[Event], query: Mapping[str, Any], span: Span, now: datetime) -> list[Entrant]:
    if query.get("count_by") == "sessions":
        subjects: Iterable[list[Event]] = sessions_of(events, span.since, span.until)
    else:
        named = {one["event"] for one in [*query["steps"], *(query.get("exclusions") or [])]}
        subjects = by_person(one for one in events if one["kind"] in ACTIVITY or _is_named(one, named)).values()
    return [entrant for own in subjects for entrant in _entrants_of(own, query, span, now)]


def _is_named(event: Event, names: set[str | None]) -> bool:
    return event["kind"] == "domain" and event["event"] in names


def _entrants_of(events: list[Event], query: Mapping[str, Any], span: Span, now: datetime) -> Iterable[Entrant]:
    in_range = query.get("mode") == "range"
    seen = [one for one in events if span.since <= one["time"] and (one["time"] < span.until or not in_range)]
    steps = list(enumerate(query["steps"]))
    candidates = [Candidate(one, frozenset(number for number, step in steps if matches(one, step))) for one in seen]

    def starts(time: datetime) -> bool:
        return span.since <= time < span.until

    def is_open(start: datetime) -> bool:
        return now <= start + window(query) and (now < span.until or not in_range)

    latest = max(filter(starts, start_times(candidates, query)), default=None)
    while chain := best_chain(candidates, query, starts):
        by_totals = query.get("count_by") == "totals"
        if not chain.is_tainted:
            yield Entrant(chain, is_open(chain.start if by_totals else latest or chain.start))
        if not by_totals:
            return
        for one in chain.served.values():
            one.is_free = False


def _steps(entrants: list[Entrant], query: Mapping[str, Any]) -> list[dict[str, Any]]:
    unordered = query.get("order") == "unordered"
    needed = mandatory(query)
    rows: list[dict[str, Any]] = []
    for number, step in enumerate(query["steps"]):
        did = [one for one in entrants if one.did(number)]
        row: dict[str, Any] = {
            "label": f"Completed {number + 1} step{'s' if number else ''}" if unordered else label(step),
            "count": len(did),
            "from_first": _share(len(did), rows[0]["count"] if rows else len(did)),
            "from_previous": _share(len(did), len(did)),
            "dropped": 0,
            "average_seconds": None,
            "median_seconds": None,
            "in_progress": 0,
        }
        if number:
            before = max(each for each in needed if each < number)
            after = min((each for each in needed if each > number and number not in needed), default=None)
            missing = [one for one in entrants if one.did(before) and not one.did(number)]
            waiting = [one for one in missing if one.may_go_on and (after is None or not one.did(after))]
            times = [one.seconds(before, number) for one in did]
            row["from_previous"] = _share(len(did), rows[before]["count"])
            row["in_progress"], row["dropped"] = len(waiting), len(missing) - len(waiting)
            if times:
                row["average_seconds"], row["median_seconds"] = fmean(times), median(times)
        rows.append(row)
    return rows


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _time_to_convert(entrants: list[Entrant], query: Mapping[str, Any]) -> dict[str, Any]:
    last = len(query["steps"]) - 1
    times = [one.seconds(0, last) for one in entrants if one.did(last)]
    if not times:
        return {"average_seconds": None, "median_seconds": None, "bins": []}
    count = min(60, next(each for each in numbers_from(1) if each**3 >= len(times)))
    start = floor(min(times))
    width = ceil((ceil(max(times)) - start) / count) or 60
    edges = [start + place * width for place in range(count + 2)]
    bins = [
        {"from_seconds": low, "to_seconds": high, "count": sum(low <= one < high for one in times)}
        for low, high in pairwise(edges)
    ]
    return {"average_seconds": fmean(times), "median_seconds": median(times), "bins": bins}


def _divided(
    events: list[Event], everyone: list[Entrant], query: Mapping[str, Any], span: Span, now: datetime
) -> list[dict[str, Any]]:
    """Return the steps by breakdown value."""
    breakdown = query["breakdown"]
    parts: dict[str, list[Entrant]] = {}
    if breakdown.get("attribution") == "all":
        by_value: dict[str, list[Event]] = {}
        for one in events:
            by_value.setdefault(text(field(one, breakdown["field"])), []).append(one)
        parts = {value: _entrants(own, query, span, now) for value, own in by_value.items()}
    else:
        for entrant in everyone:
            if (value := _attributed(entrant.chain, breakdown)) is not None:
                parts.setdefault(value, []).append(entrant)
    shown = shown_values({value: len(own) for value, own in parts.items()}, breakdown.get("limit", 10))
    return [
        {
            "value": value,
            "steps": _steps([one for at, own in parts.items() if shown_as(at, shown) == value for one in own], query),
        }
        for value in shown
    ]


def _attributed(chain: Chain, breakdown: Mapping[str, Any]) -> str | None:
    """Return the value that a chain counts under, None if it is left out."""
    if breakdown.get("attribution") == "step":
        served = chain.served.get(breakdown.get("step") or 0)
        return text(field(served.event, breakdown["field"])) if served else None
    steps = sorted(chain.served, key=lambda step: (chain.time(step), step))
    if breakdown.get("attribution") == "last":
        steps.reverse()
    values = [text(field(chain.served[step].event, breakdown["field"])) for step in steps]
    return next((value for value in values if value != NONE), NONE)
