"""What the event store is asked of several buckets at once: who might be in a segment, and which conditions hold of them.

People stay ids of the store until they are found, and those of a bucket of whom the same conditions hold are one row. Conditions on
what only the database knows (other segments, orders) count as held here: who is returned may still turn out to be none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from opsloop_common.conditions import Condition, Op
from opsloop_metrics.cohorts import rules
from opsloop_metrics.cohorts.rules import (
    Bucket,
    Definition,
    Did,
    Group,
    Is,
    Leaf,
    Lives,
    Match,
    PropertyAggregate,
    Valued,
)
from opsloop_metrics.insights.events import Binding, from_events, holds, matches, number_of, person_of
from opsloop_metrics.insights.periods import EventFilter, Frame, Interval, WeekStart, floor, steps
from opsloop_metrics.lifecycles.rules import Status

EVER = datetime(1900, 1, 1, tzinfo=UTC)
_SIGNS = {Op.EQ: "=", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}


@dataclass(frozen=True)
class Look:
    """At which people of a workspace, and as of when."""

    workspace: str
    zone: str
    week_start: WeekStart
    as_of: datetime
    people: Bucket
    has_merges: bool = True

    def frame(self, since: datetime, *, is_all: bool = False) -> Frame:
        """Return the frame of what happened from `since` up to the instant, that included."""
        until = rules.shifted(self.as_of)
        place = self.workspace, self.zone, self.week_start, Interval.DAY
        return Frame(*place, since, until, self.as_of, include_filtered=is_all, has_merges=self.has_merges)

    def edges(self, interval: Interval) -> tuple[datetime, datetime]:
        """Return when the interval that runs began, and the one before."""
        here = floor(self.as_of, interval, self.zone, self.week_start)
        return here, steps(here, -1, interval, self.zone)


def has_merges(workspace: str, bind: Binding) -> str:
    """Return the question whether anybody turned out to be another."""
    return f"SELECT 1 {_merges(workspace, bind)} LIMIT 1"


def _merges(workspace: str, bind: Binding) -> str:
    return f"FROM opsloop.person_override WHERE workspace = {bind.text(workspace)}"


def candidates(look: Look, definition: Definition, size: int, bind: Binding) -> str:
    """Return the question for rows of a bucket's number (each of `size` beginnings of ids), a bit for each condition, and ids by commas."""
    leaves = rules.asked_of_store(definition)
    told = {leaf: _holds(look, leaf, place, bind) for place, leaf in enumerate(leaves)}
    bits = "0"
    if leaves and not rules.is_settled_by_store(definition):
        bits = " + ".join(f"{1 << place} * ({told[leaf]})" for place, leaf in enumerate(leaves))
    return (
        "SELECT bucket, bits, arrayStringConcat(groupArray(toString(who)), ',') FROM ("
        f"SELECT who, intDiv({_beginning('who')}, {size:d}) AS bucket, toUInt32({bits}) AS bits "
        f"FROM {_people(look, definition, bind)} WHERE {_holds_of(definition.group, told)}) GROUP BY bucket, bits"
    )


def _people(look: Look, definition: Definition, bind: Binding) -> str:
    """Return who may be in it, with a column `c…` for what each condition looks at: those with events that one asks for, or everybody."""
    leaves = list(enumerate(rules.asked_of_store(definition)))
    events = [(place, leaf) for place, leaf in leaves if isinstance(leaf, Did | Valued | Lives)]
    traits = [(place, leaf) for place, leaf in leaves if isinstance(leaf, Is)]
    parts = [f"({_by_events(look, events, bind)}) AS d"] if events else []
    if not events or rules.needs_everybody(definition):
        parts = [f"({_everybody(look, bind)}) AS s", *parts]
    if traits:
        parts.append(f"({_by_traits(look, traits, bind)}) AS t")
    first, *others = parts
    return " ".join([first, *(f"LEFT ANY JOIN {other} USING (who)" for other in others)])


def _everybody(look: Look, bind: Binding) -> str:
    """Return those who count as people, by a message that is neither a bot's nor a test's, and when any first told of them (ms)."""
    frame = look.frame(EVER, is_all=True)
    return (
        f"SELECT {person_of(frame)} AS who, min(if(e.kind = 'domain', NULL, toUnixTimestamp64Milli(e.time))) AS first_seen "
        f"{from_events(frame, bind, conditions=_of_these(look, frame, bind))} GROUP BY who HAVING max(e.is_bot = 0 AND e.is_test = 0)"
    )


def _by_events(look: Look, asked: Sequence[tuple[int, Any]], bind: Binding) -> str:
    columns, wanted, since = [], [], look.as_of
    for place, leaf in asked:
        told, of, begin = _column(look, leaf, place, bind)
        columns.append(told)
        wanted.append(of)
        since = min(since, begin)
    frame = look.frame(since)
    conditions = [*_of_these(look, frame, bind), f"({' OR '.join(wanted)})"]
    return f"SELECT {person_of(frame)} AS who, {', '.join(columns)} {from_events(frame, bind, conditions=conditions)} GROUP BY who"


def _column(look: Look, leaf: Did | Valued | Lives, place: int, bind: Binding) -> tuple[str, str, datetime]:
    """Return what a condition looks at, as `c…`, which events it is of, and from when on."""
    if isinstance(leaf, Lives):
        here, before = look.edges(leaf.interval)
        active = matches(EventFilter(), bind)
        now, then = f"e.time >= {bind.time(here)}", f"e.time >= {bind.time(before)} AND e.time < {bind.time(here)}"
        return f"max({active} AND {now}) AS c{place}, max({active} AND {then}) AS b{place}", active, before
    since = EVER if leaf.within is None else rules.shifted(look.as_of - leaf.within)
    of = f"{matches(leaf.wanted, bind)} AND e.time >= {bind.time(since)}"
    if isinstance(leaf, Did):
        return f"countIf({of}) AS c{place}", of, since
    field = leaf.condition.field
    if leaf.aggregate is PropertyAggregate.LAST:
        of = f"{of} AND {holds(rules.is_there(field), bind)}"
        last = f"argMaxIf(toUInt8({holds(leaf.condition, bind)}), (e.time, e.message_id), {of})"
        return f"if(countIf({of}) = 0, NULL, {last}) AS c{place}", of, since
    value = number_of(field, bind)
    return f"{leaf.aggregate}If({value}, {of} AND {value} IS NOT NULL) AS c{place}", of, since


def _by_traits(look: Look, asked: Sequence[tuple[int, Is]], bind: Binding) -> str:
    """Return those of whom something is known for which a condition holds otherwise than for nothing; the others are all alike."""
    bucket = "".join(f" AND {each}" for each in _in_bucket(look, "id"))
    flags = [
        f"{holds(leaf.condition, bind)} != {rules.holds_for_nothing(leaf.condition):d} AS c{place}"
        for place, leaf in asked
    ]
    return (
        f"SELECT id AS who, {', '.join(flags)} FROM (SELECT id, argMax(traits, version) AS traits FROM opsloop.person "
        f"WHERE workspace = {bind.text(look.workspace)}{bucket} GROUP BY id) AS p WHERE {' OR '.join(f'c{place}' for place, _ in asked)}"
    )


def _holds_of(group: Group, told: dict[Leaf, str]) -> str:
    each = [_holds_of(part, told) if isinstance(part, Group) else told.get(part, "1") for part in group.parts]
    if group.match is Match.ANY:
        return f"({' OR '.join(each)})" if each else "0"
    return f"({' AND '.join(each)})" if each else "1"


def _holds(look: Look, leaf: Any, place: int, bind: Binding) -> str:
    """Return SQL for whether a condition holds of somebody. Who did nothing that it looks at has 0 or NULL in its column."""
    column = f"c{place}"
    if isinstance(leaf, Did):
        return f"{column} {_SIGNS[leaf.op]} {leaf.count:d}"
    if isinstance(leaf, Is):
        return f"{column} != {rules.holds_for_nothing(leaf.condition):d}"
    if isinstance(leaf, Lives):
        is_new = f"ifNull(first_seen, {rules.NEVER}) >= {rules.milliseconds(look.edges(leaf.interval)[0])}"
        return _stage(leaf.stage, f"{column} = 1", f"b{place} = 1", is_new)
    if leaf.aggregate is PropertyAggregate.LAST:
        return f"ifNull({column}, {rules.holds_for_nothing(leaf.condition):d})"
    if leaf.aggregate is PropertyAggregate.SUM:
        column = f"ifNull({column}, 0)"
    return f"ifNull({_number_holds(column, leaf.condition, bind)}, {rules.holds_for_nothing(leaf.condition):d})"


def _stage(stage: Status, is_here: str, was_here: str, is_new: str) -> str:
    match stage:
        case Status.NEW:
            return f"({is_here} AND {is_new})"
        case Status.RETURNING:
            return f"({is_here} AND {was_here})"
        case Status.RESURRECTING:
            return f"({is_here} AND NOT {was_here} AND NOT {is_new})"
    return f"({was_here} AND NOT {is_here})"


def _number_holds(number: str, condition: Condition, bind: Binding) -> str:
    """Return SQL for a condition on a number, NULL for none. Other kinds of values are never the same as one, and have no order with it."""
    value, never = condition.value, f"{number} != {number}"
    among = [
        f"{number} = {bind.number(each)}"
        for each in (value if isinstance(value, list) else [value])
        if _is_number(each)
    ]
    same = f"({' OR '.join(among) or never})"
    match condition.op:
        case Op.EXISTS:
            return f"{number} = {number}" if value else never
        case Op.EQ | Op.IN:
            return same
        case Op.NE | Op.NOT_IN:
            return f"NOT {same}"
    if condition.op is Op.CONTAINS or not _is_number(value):
        return never
    return f"{number} {_SIGNS[condition.op]} {bind.number(value)}"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_these(look: Look, frame: Frame, bind: Binding) -> list[str]:
    wanted = _in_bucket(look, person_of(frame))
    if frame.has_merges and wanted:
        # besides, so that the events of all the others are left out before they are joined with whom they are of
        here = " AND ".join(_in_bucket(look, "e.person"))
        wanted.append(f"({here} OR e.person IN (SELECT person {_merges(look.workspace, bind)}))")
    return wanted


def _in_bucket(look: Look, person: str) -> list[str]:
    if look.people.is_everything:
        return []
    return [f"{_beginning(person)} BETWEEN {look.people.first:d} AND {look.people.last:d}"]


def _beginning(person: str) -> str:
    return f"bitShiftRight(reinterpretAsUInt64({person}), 48)"
