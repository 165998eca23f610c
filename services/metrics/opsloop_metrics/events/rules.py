"""What can be asked of stored events, and what of an event is kept: pure definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from opsloop_common.contracts.envelope import Event
from opsloop_common.errors import Invalid

MAX_LIST = 100
MAX_CONDITIONS = 20

Scalar = str | int | float | bool | None


class Op(StrEnum):
    """How a condition compares. An absent field counts as null; only `ne`, `not_in` and `exists: false` hold for it."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    EXISTS = "exists"


class Aggregate(StrEnum):
    """How the chosen events become one number."""

    COUNT = "count"
    USERS = "users"
    SHARE = "share"
    SUM = "sum"
    AVG = "avg"
    MEDIAN = "median"


NUMERIC = frozenset({Aggregate.SUM, Aggregate.AVG, Aggregate.MEDIAN})
NULL_WHEN_EMPTY = frozenset({Aggregate.SHARE, Aggregate.AVG, Aggregate.MEDIAN})


@dataclass(frozen=True)
class Condition:
    """`field` is `type`, `subject`, `actor` or a dotted path below `data`."""

    field: str
    op: Op
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class Selection:
    """The events of one type, what they must fulfil, and what is made of them."""

    event: str
    aggregate: Aggregate
    property: str | None = None
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Cause:
    """The newest event that went into a reading: what a breach names as its cause."""

    event_id: str
    correlationid: str
    causationdepth: int
    traceparent: str | None


@dataclass(frozen=True)
class Reading:
    """What a selection came to inside a window `(start, now]`.

    `samples` are the events that carry the number: all events of the type for a share, those with a number for sums,
    averages and medians, else those that fulfil the conditions. `oldest_at` leaves the window next, `upcoming_at` is the
    next event dated ahead of now, `last_seen_at` the newest sample ever (only when asked for).
    """

    value: float | None
    samples: int
    oldest_at: datetime | None = None
    upcoming_at: datetime | None = None
    last_seen_at: datetime | None = None
    cause: Cause | None = None


def read_condition(raw: Mapping[str, Any], pointer: str) -> Condition:
    """Return the condition that `raw` ({field, op, value}) says; raises Invalid with a pointer for a wrong value."""
    op = Op(raw["op"])
    value = raw.get("value")
    at = f"{pointer}/value"
    match op:
        case Op.EXISTS:
            value = True if value is None else value
            if not isinstance(value, bool):
                raise Invalid(at, "exists takes true or false")
        case Op.IN | Op.NOT_IN:
            if not isinstance(value, list) or not 0 < len(value) <= MAX_LIST or any(map(_is_nested, value)):
                raise Invalid(at, f"{op} takes a list of 1 to {MAX_LIST} texts, numbers or booleans")
            value = tuple(value)
        case Op.LT | Op.LE | Op.GT | Op.GE:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise Invalid(at, f"{op} takes a number, or a text")
        case Op.CONTAINS if value is None or _is_nested(value):
            raise Invalid(at, "contains takes a text, a number or a boolean")
        case _ if _is_nested(value):
            raise Invalid(at, f"{op} takes a text, a number, a boolean or null")
    return Condition(raw["field"], op, value)


def _is_nested(value: object) -> bool:
    return isinstance(value, list | dict)


def occurred_at(event: Event) -> datetime:
    """Return the time an event counts from: `data.occurred_at` when it is an RFC 3339 time, else `time`."""
    said = event.data.get("occurred_at")
    if isinstance(said, str):
        try:
            moment = datetime.fromisoformat(said)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    return event.time.astimezone(UTC)


def user_of(event: Event) -> str | None:
    """Return the person an event is about: `data.author.user_id`, else `data.user_id`."""
    author = event.data.get("author")
    user_id = author.get("user_id") if isinstance(author, dict) else None
    user_id = user_id or event.data.get("user_id")
    return user_id if isinstance(user_id, str) and user_id else None
