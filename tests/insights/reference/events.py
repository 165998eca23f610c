"""Events as the reference sees them: who, what, when; what matches a filter, what a breakdown makes of a value."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any, NotRequired, TypedDict

ACTIVITY = {"track", "page", "screen"}
NONE, OTHER = "$none", "$other"
ORDERING = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}


class Event(TypedDict):
    """One message. `person` is resolved over all merges, None for a personless one; `time` is aware."""

    id: str
    event: str
    time: datetime
    person: str | None
    properties: Mapping[str, Any]
    kind: str
    columns: NotRequired[Mapping[str, str]]  # what the product derives: path, browser, country …
    traits: NotRequired[Mapping[str, Any]]  # the person's, as of now
    groups: NotRequired[Mapping[str, str]]
    filtered: NotRequired[bool]  # a bot's or test traffic


def order(event: Event) -> tuple[datetime, str, str]:
    """Return the key by which events of a person are sorted."""
    return event["time"], event["event"], event["id"]


def field(event: Event, name: str) -> Any:
    """Return the value of a field of a condition or breakdown, None where there is none."""
    if name == "event":
        return event["event"]
    place, _, rest = name.partition(".")
    match place:
        case "properties":
            return event["properties"].get(rest)
        case "person":
            return event.get("traits", {}).get(rest)
        case "group":
            return event.get("groups", {}).get(rest) or None
    return event.get("columns", {}).get(name) or None


def is_number(value: Any) -> bool:
    """Say whether a value is a number of JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(left: Any, right: Any) -> bool:
    """Say whether two values are equal with the kinds of JSON kept apart."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def holds(condition: Mapping[str, Any], event: Event) -> bool:
    """Say whether a condition holds for an event."""
    found, op, value = field(event, condition["field"]), condition["op"], condition.get("value")
    match op:
        case "eq":
            return same(found, value)
        case "ne":
            return not same(found, value)
        case "in":
            return any(same(found, one) for one in value)
        case "not_in":
            return not any(same(found, one) for one in value)
        case "exists":
            return (found is not None) is (value is not False)
        case "contains":
            if isinstance(found, list):
                return any(same(one, value) for one in found)
            return isinstance(found, str) and isinstance(value, str) and value in found
    both_text = isinstance(found, str) and isinstance(value, str)
    return (both_text or (is_number(found) and is_number(value))) and bool(ORDERING[op](found, value))


def all_hold(conditions: Iterable[Mapping[str, Any]], event: Event) -> bool:
    """Say whether all conditions hold."""
    return all(holds(one, event) for one in conditions)


def has_name(event: Event, chosen: Mapping[str, Any]) -> bool:
    """Say whether an event is of the name that an event filter chooses, its conditions apart."""
    name = chosen.get("event")
    if name is None:
        return event["kind"] in ACTIVITY
    return event["kind"] in ACTIVITY | {"domain"} and event["event"] == name


def matches(event: Event, chosen: Mapping[str, Any]) -> bool:
    """Say whether an event passes an event filter."""
    return has_name(event, chosen) and all_hold(chosen.get("where") or [], event)


def label(chosen: Mapping[str, Any]) -> str:
    """Return how a series or step is called."""
    return chosen.get("label") or chosen.get("event") or "*"


def real(events: Iterable[Event], query: Mapping[str, Any]) -> list[Event]:
    """Return the events without bots and test traffic, unless the query wants them."""
    return [one for one in events if query.get("include_filtered") or not one.get("filtered")]


def chosen(events: Iterable[Event], query: Mapping[str, Any]) -> list[Event]:
    """Return the events that exist for a query: real ones for which its `where` holds."""
    return [one for one in real(events, query) if all_hold(query.get("where") or [], one)]


def by_person(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Return each person's events in order; personless ones are left out."""
    return {person: list(own) for person, own in groupby(_of_people(events), key=lambda one: one["person"] or "")}


def _of_people(events: Iterable[Event]) -> list[Event]:
    return sorted((one for one in events if one["person"]), key=lambda one: (one["person"] or "", order(one)))


def text(value: Any) -> str:
    """Return the breakdown value of a field's value."""
    if value is None or value == "":
        return NONE
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def shown_values(sizes: Mapping[str, int], limit: int) -> list[str]:
    """Return the values that are shown, in rank order, and `$other` if some are not."""
    ranked = sorted((value for value in sizes if sizes[value]), key=lambda value: (-sizes[value], value))
    return ranked if len(ranked) <= limit else [*ranked[:limit], OTHER]


def shown_as(value: str, shown: list[str]) -> str | None:
    """Return under which of the shown values a value counts, None if it counts under none."""
    if value in shown:
        return value
    return OTHER if OTHER in shown else None
