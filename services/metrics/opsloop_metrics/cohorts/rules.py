"""What a definition of people means: pure algebra over sets of them.

A definition is read into a tree of groups whose leaves are conditions. Whoever asks finds the people of each leaf; here they are put
together. People stand as the texts of their ids; a bucket is a range of those ids, which are hashes and so spread evenly.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from opsloop_common.conditions import Condition, Op, holds
from opsloop_common.errors import Conflict, Invalid
from opsloop_metrics.insights.periods import EventFilter, Interval
from opsloop_metrics.lifecycles.rules import Status
from opsloop_metrics.store.port import milliseconds as milliseconds

_DURATION = TypeAdapter(timedelta)
MOST_CONDITIONS = 20
BUCKET_PEOPLE = 20_000
"""About how many people a bucket has: as many are evaluated, written and told of at a time."""
MOST_BUCKETS = 65_536
BUCKETS_ASKED = 16
"""Of so many the event store is asked at once: each question reads the events of all people anew."""
NEVER = -(2**62)
"""When somebody was first seen whom no message of a product told of."""


class Match(StrEnum):
    """How many of the conditions have to hold."""

    ALL = "all"
    ANY = "any"


class PropertyAggregate(StrEnum):
    """What is made of the values of a property."""

    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    LAST = "last"


@dataclass(frozen=True, eq=False)
class Did:
    """Did something so often within a time (None: ever); `eq` 0 is: did not."""

    wanted: EventFilter
    op: Op
    count: int
    within: timedelta | None


@dataclass(frozen=True, eq=False)
class Valued:
    """What a property of somebody's events came to, compared with a value."""

    wanted: EventFilter
    aggregate: PropertyAggregate
    condition: Condition
    within: timedelta | None


@dataclass(frozen=True, eq=False)
class Is:
    """A trait of theirs fulfils a condition."""

    condition: Condition


@dataclass(frozen=True, eq=False)
class Member:
    """Is in another segment, or is not."""

    segment_id: UUID
    is_member: bool


@dataclass(frozen=True, eq=False)
class Lives:
    """Is in a stage of the lifecycle, in the interval that runs."""

    stage: Status
    interval: Interval


@dataclass(frozen=True, eq=False)
class Bought:
    """Has one of some scores in each of recency, frequency and monetary value; an empty set asks for none in particular."""

    recency: frozenset[int]
    frequency: frozenset[int]
    monetary: frozenset[int]
    currency: str | None


Leaf = Did | Valued | Is | Member | Lives | Bought


@dataclass(frozen=True, eq=False)
class Group:
    """Conditions of which all, or any, have to hold."""

    match: Match
    parts: tuple[Group | Leaf, ...]

    def leaves(self) -> Iterator[Leaf]:
        """Return all conditions, in their order."""
        for part in self.parts:
            if isinstance(part, Group):
                yield from part.leaves()
            else:
                yield part


@dataclass(frozen=True, eq=False)
class Definition:
    """Whom a segment has: those of the group, without the excluded."""

    group: Group
    without_segments: tuple[UUID, ...] = ()
    without_users: tuple[str, ...] = ()

    def leaves(self, *kinds: type[Any]) -> list[Any]:
        """Return the conditions of some kinds."""
        return [leaf for leaf in self.group.leaves() if isinstance(leaf, kinds)]

    @property
    def asks_for(self) -> frozenset[UUID]:
        """Return the segments that it asks for."""
        return frozenset(leaf.segment_id for leaf in self.leaves(Member)) | frozenset(self.without_segments)


def definition_of(stored: Mapping[str, Any]) -> Definition:
    """Read a definition, as it is kept."""
    exclude = stored["exclude"]
    return Definition(
        _group(stored),
        tuple(UUID(each) for each in exclude["segment_ids"]),
        tuple(exclude["user_ids"]),
    )


def _group(stored: Mapping[str, Any]) -> Group:
    return Group(Match(stored["match"]), tuple(_part(each) for each in stored["conditions"]))


def _part(stored: Mapping[str, Any]) -> Group | Leaf:
    match stored["type"]:
        case "group":
            return _group(stored)
        case "event":
            return Did(_filter(stored), Op(stored["op"]), stored["count"], _within(stored["within"]))
        case "property":
            condition = _condition(stored["property"], stored["op"], stored["value"])
            return Valued(_filter(stored), PropertyAggregate(stored["aggregate"]), condition, _within(stored["within"]))
        case "trait":
            return Is(_condition(f"person.{stored['trait']}", stored["op"], stored["value"]))
        case "segment":
            return Member(UUID(stored["segment_id"]), stored["is_member"])
        case "lifecycle":
            return Lives(Status(stored["stage"]), Interval(stored["interval"]))
    recency, frequency, monetary = (frozenset(stored[name] or ()) for name in ("recency", "frequency", "monetary"))
    return Bought(recency, frequency, monetary, stored["currency"])


def _filter(stored: Mapping[str, Any]) -> EventFilter:
    where = (_condition(each["field"], each["op"], each["value"]) for each in stored["where"])
    return EventFilter(stored["event"], tuple(where))


def _condition(field: str, op: str, value: Any) -> Condition:
    # checked when it came in, where a product's fields are known; the base class knows those of domain events alone
    return Condition.model_construct(field=field, op=Op(op), value=value)


def _within(value: str | None) -> timedelta | None:
    return None if value is None else _DURATION.validate_python(value)


def require_few(stored: Mapping[str, Any]) -> None:
    """Refuse a definition with more conditions in all than one may have; raises Invalid."""
    if sum(1 for _ in _group(stored).leaves()) > MOST_CONDITIONS:
        raise Invalid("/definition/conditions", f"may be {MOST_CONDITIONS} in all, those in groups included")


def compares(value: float | None, condition: Condition) -> bool:
    """Say whether a number, or none, fulfils a property's condition; operators mean what they do everywhere."""
    return holds(condition.model_copy(update={"field": "data.value"}), {"data": {"value": value}})


def is_there(field: str) -> Condition:
    """Return the condition that a field has a value."""
    return _condition(field, Op.EXISTS, True)


def counts(count: int, leaf: Did) -> bool:
    """Say whether somebody who did it so often fulfils the condition."""
    return {Op.GE: count >= leaf.count, Op.LE: count <= leaf.count, Op.EQ: count == leaf.count}[leaf.op]


def holds_for_nothing(condition: Condition) -> bool:
    """Say whether a condition holds for what is absent."""
    return compares(None, condition)


def asked_by(stored: Mapping[str, Any] | None) -> frozenset[UUID]:
    """Return the segments that a definition asks for, as it is kept; the users that it names may be left out of it."""
    if stored is None:
        return frozenset()
    return definition_of({**stored, "exclude": {"user_ids": (), **stored["exclude"]}}).asks_for


def in_order(asked: Mapping[UUID, Collection[UUID]]) -> list[UUID]:
    """Return segments so that each comes after those that it asks for. `asked` has no cycles; ids that it lacks are passed over."""
    found: dict[UUID, None] = {}

    def put(segment_id: UUID) -> None:
        if segment_id in found or segment_id not in asked:
            return
        for each in sorted(asked[segment_id]):
            put(each)
        found[segment_id] = None

    for segment_id in sorted(asked):
        put(segment_id)
    return list(found)


def dependents(segment_id: UUID, asked: Mapping[UUID, Collection[UUID]]) -> list[UUID]:
    """Return those that ask for a segment, directly or through others, in the order in which they have to be refreshed."""
    reached = {segment_id}
    ordered = in_order(asked)
    for each in ordered:
        if reached & set(asked[each]):
            reached.add(each)
    return [each for each in ordered if each in reached and each != segment_id]


def require_no_cycle(
    segment_id: UUID | None, asks_for: Collection[UUID], asked: Mapping[UUID, Collection[UUID]]
) -> None:
    """Refuse a definition that asks for segments that are not there (Invalid), or in the end for itself (Conflict)."""
    if missing := sorted(set(asks_for) - asked.keys()):
        raise Invalid("/definition", f"asks for a segment that is not there: {missing[0]}")
    if segment_id is not None and (segment_id in asks_for or set(dependents(segment_id, asked)) & set(asks_for)):
        raise Conflict("The segment would ask for itself, through others or at once.")


def asked_of_store(definition: Definition) -> list[Any]:
    """Return the conditions of which the event store knows whether they hold."""
    return definition.leaves(Did, Valued, Lives, Is)


def is_settled_by_store(definition: Definition) -> bool:
    """Say whether nothing but the event store is asked who is in it."""
    return not (definition.leaves(Member, Bought) or definition.without_segments or definition.without_users)


def needs_everybody(definition: Definition) -> bool:
    """Say whether others may be in it than those who did what its conditions look at, or whether it matters since when people are there."""
    if any(leaf.stage in (Status.NEW, Status.RESURRECTING) for leaf in definition.leaves(Lives)):
        return True
    return _may_hold(definition.group)


def _may_hold(part: Group | Leaf) -> bool:
    """Say whether it may hold of somebody who did nothing that a condition looks at."""
    match part:
        case Group():
            return (all if part.match is Match.ALL else any)(map(_may_hold, part.parts))
        case Did():
            return counts(0, part)
        case Valued():
            return compares(0.0 if part.aggregate is PropertyAggregate.SUM else None, part.condition)
    return not isinstance(part, Lives)


def members(
    definition: Definition, everybody: Set[str], found: Mapping[Leaf, Set[str]], excluded: Set[str]
) -> set[str]:
    """Return whom a segment has of `everybody`: `found` are those of whom each condition holds."""
    return set(_chosen(definition.group, everybody, found)) - excluded


def _chosen(group: Group, everybody: Set[str], found: Mapping[Leaf, Set[str]]) -> Set[str]:
    each = (_chosen(part, everybody, found) if isinstance(part, Group) else found[part] for part in group.parts)
    if group.match is Match.ANY:
        return everybody & frozenset[str]().union(*each)
    chosen: Set[str] = everybody
    for part in each:
        chosen = chosen & part
    return chosen


@dataclass(frozen=True)
class Bucket:
    """People whose ids begin, in 16 bits, with `first` to `last`."""

    first: int
    last: int

    @property
    def low(self) -> UUID:
        """Return the smallest id in it."""
        return UUID(int=self.first << 112)

    @property
    def high(self) -> UUID:
        """Return the largest id in it."""
        return UUID(int=((self.last + 1) << 112) - 1)

    @property
    def size(self) -> int:
        """Return how many beginnings of ids it has."""
        return self.last - self.first + 1

    @property
    def is_everything(self) -> bool:
        """Say whether everybody is in it."""
        return self.size == MOST_BUCKETS


def buckets_for(people: int) -> int:
    """Return into how many buckets so many people go: a power of two."""
    return min(MOST_BUCKETS, 1 << max(0, -(-people // BUCKET_PEOPLE) - 1).bit_length())


def bucket_of(number: int, count: int) -> Bucket:
    """Return one of `count` buckets."""
    size = MOST_BUCKETS // count
    return Bucket(number * size, (number + 1) * size - 1)


def span_of(bucket: Bucket, count: int) -> Bucket:
    """Return a bucket and those that follow it, `count` in all where there are as many."""
    return Bucket(bucket.first, min(bucket.first + count * bucket.size, MOST_BUCKETS) - 1)


def shifted(as_of: datetime) -> datetime:
    """Return the next instant after `as_of` that the store tells from it: what happened then counts, what comes after does not."""
    return as_of + timedelta(milliseconds=1)


def whole_milliseconds(at: datetime) -> datetime:
    """Return a time as exactly as the store keeps times."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
