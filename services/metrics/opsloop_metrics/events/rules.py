"""What can be asked of stored events, and what of an event is kept: pure definitions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue

from opsloop_common import limits
from opsloop_common.conditions import Condition, all_hold
from opsloop_common.contracts.envelope import Event
from opsloop_common.foreign import readable


class Aggregate(StrEnum):
    """How the chosen events become one number."""

    COUNT = "count"
    USERS = "users"
    SHARE = "share"
    SUM = "sum"
    AVG = "avg"
    MEDIAN = "median"
    P95 = "p95"


OWN = "metrics"
NUMERIC = frozenset({Aggregate.SUM, Aggregate.AVG, Aggregate.MEDIAN, Aggregate.P95})
NULL_WHEN_EMPTY = frozenset({Aggregate.SHARE, Aggregate.AVG, Aggregate.MEDIAN, Aggregate.P95})


def is_echo(event: Event) -> bool:
    """Say whether an event is what metrics said about what metrics said, too far from what people did to be measured again.

    A monitor of `kpi.recovered` would breach on its own recovery and recover from its own breach for ever.
    """
    return event.service == OWN and event.causationdepth > limits.CAUSE_DEPTH


def unlisted(event: Event) -> Event:
    """Return an event without a list of the people whom it is about: nothing is measured by it, and an erasure would have to find it."""
    if not event.data.get("user_ids"):
        return event
    return event.model_copy(update={"data": event.data | {"user_ids": []}})


@dataclass(frozen=True)
class Selection:
    """The events of one type, what they must fulfil, and what is made of them."""

    event: str
    aggregate: Aggregate
    property: str | None = None
    where: tuple[Condition, ...] = ()


def changes(event: Event, selection: Selection) -> bool:
    """Say whether an event can change what a selection comes to: of most, only one that fulfils the conditions."""
    if event.type != selection.event:
        return False
    if not selection.where or selection.aggregate is Aggregate.SHARE:
        return True
    kept = unlisted(event)
    named = {
        name: str(getattr(kept, name)) for name in ("id", "type", "subject", "actor", "workspace", "correlationid")
    }
    return all_hold(selection.where, named | {"data": kept.data})


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
    next event dated ahead of now, `last_seen_at` the newest sample ever (only when asked for). `low` and `high` are the least
    and the greatest number of a sample, where numbers are taken of them.
    """

    value: float | None
    samples: int
    oldest_at: datetime | None = None
    upcoming_at: datetime | None = None
    last_seen_at: datetime | None = None
    cause: Cause | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Told:
    """A stored event as it is brought to others: `at` is when it happened, `user_id` whom it is about, if anybody."""

    event_id: UUID
    type: str
    at: datetime
    user_id: str | None
    data: dict[str, JsonValue]


def occurred_at(event: Event) -> datetime:
    """Return the time an event counts from: `data.occurred_at` when it is an RFC 3339 time, else `time`."""
    return readable(_moment, event.data.get("occurred_at")) or event.time.astimezone(UTC)


def _moment(said: str) -> datetime | None:
    moment = datetime.fromisoformat(said)
    return None if moment.tzinfo is None else moment.astimezone(UTC)


def user_of(event: Event) -> str | None:
    """Return the person an event is about: `data.author.user_id`, else `data.user_id`."""
    author = event.data.get("author")
    user_id = author.get("user_id") if isinstance(author, dict) else None
    user_id = user_id or event.data.get("user_id")
    return user_id if isinstance(user_id, str) and user_id else None


@dataclass(frozen=True)
class Part:
    """What the events with one value of a field come to at two times; `field` counts those asked for from 1, 0 is all events.

    `under` is what it is divided by: how many events, where the aggregate is a share or an average.
    """

    field: int
    value: str | None
    before: float
    after: float
    under_before: float
    under_after: float
