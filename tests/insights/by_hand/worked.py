"""What a world worked by hand consists of, and short ways to write it down. All times without a zone are UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.insights.reference.events import Event

LATE = datetime(2026, 11, 1, tzinfo=UTC)  # long after everything: nothing is in progress or incomplete
NAMES = {"page": "$pageview", "screen": "$screen", "identify": "$identify"}

See = Callable[[dict[str, Any]], Any]


def everything(answer: dict[str, Any]) -> dict[str, Any]:
    """See the whole answer."""
    return answer


@dataclass(frozen=True)
class Asked:
    """A question: the query, what is looked at in its answer (`see`), and what that has to be."""

    query: dict[str, Any]
    expected: Any
    see: See = everything
    now: datetime = LATE


@dataclass(frozen=True)
class Worked:
    """A world, why it is there, and what is asked about it."""

    name: str
    why: str
    insight: str
    events: list[Event]
    asked: list[Asked] = field(default_factory=list)


def at(when: str) -> datetime:
    """Return a time: `01T10:00` is in March 2026, `09-22T10:00` in another month of that year."""
    return datetime.fromisoformat(f"2026-{when if len(when.split('T')[0]) > 2 else f'03-{when}'}").replace(tzinfo=UTC)


def world(*rows: tuple[Any, ...]) -> list[Event]:
    """Return events from (person, what, when) or (person, what, when, properties). `/x` is a page view, `identify` a message."""
    return [_event(number, *row) for number, row in enumerate(rows)]


def _event(number: int, person: str, what: str, when: str, properties: Mapping[str, Any] | None = None) -> Event:
    kind = "page" if what.startswith("/") else what if what in NAMES else "track"
    event: Event = {
        "id": f"m{number:02}",
        "event": NAMES.get(kind, what),
        "time": at(when),
        "person": person,
        "properties": dict(properties or {}),
        "kind": kind,
    }
    if kind == "page":
        event["properties"] = {"path": what, "url": f"https://shop.example{what}", **(properties or {})}
        event["columns"] = {"path": what.rstrip("/") or "/"}
    return event


def days(first: str, last: str, **more: Any) -> dict[str, Any]:
    """Return the range of a query, in March 2026."""
    return {"from": f"2026-03-{first}", "to": f"2026-03-{last}", "time_zone": "UTC", "week_start": "monday", **more}


def steps(*names: str | None) -> list[dict[str, Any]]:
    """Return the steps of a funnel; `O?` is optional."""
    return [
        {"event": name and name.rstrip("?"), **({"optional": True} if name and name[-1] == "?" else {})}
        for name in names
    ]


def step(
    label: str, count: int, first: float | None, previous: float | None, dropped: int, *times: float, waiting: int = 0
) -> Any:
    """Return a row of a funnel; `times`: mean and median seconds, none where there are none."""
    average, median = times or (None, None)
    return {
        "label": label,
        "count": count,
        "from_first": first,
        "from_previous": previous,
        "dropped": dropped,
        "average_seconds": average,
        "median_seconds": median,
        "in_progress": waiting,
    }


def funnel(
    rows: Sequence[Any], average: float | None = None, median: float | None = None, *bins: tuple[int, int, int]
) -> Any:
    """Return the answer of a funnel without a breakdown; `bins`: from, to, count."""
    names = ("from_seconds", "to_seconds", "count")
    return {
        "steps": list(rows),
        "time_to_convert": {
            "average_seconds": average,
            "median_seconds": median,
            "bins": [dict(zip(names, one, strict=True)) for one in bins],
        },
        "breakdown": None,
    }


def counts(answer: dict[str, Any]) -> list[int]:
    """See how many did each step."""
    return [row["count"] for row in answer["steps"]]


def parts(answer: dict[str, Any]) -> list[Any]:
    """See the counts of each breakdown value of a funnel."""
    return [(row["value"], [each["count"] for each in row["steps"]]) for row in answer["breakdown"]]


def table(answer: dict[str, Any]) -> dict[str, list[int]]:
    """See the counts of a retention by the day (in UTC) that its rows begin on, and its means as thirds, rounded."""
    rows = {row["start"][5:10]: [cell["count"] for cell in row["values"]] for row in answer["cohorts"]}
    return {**rows, "average": [share if share is None else round(share, 3) for share in answer["average"]]}
