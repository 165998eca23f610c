"""Who is in a bucket by a definition: what the database knows of it, then what the event store says, then the rules.

Both are asked about one bucket and one instant, so that an evaluation takes bounded time and memory however many people there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.db import context_of
from opsloop_metrics.cohorts import rules
from opsloop_metrics.cohorts.rules import (
    Bought,
    Bucket,
    Definition,
    Did,
    Is,
    Leaf,
    Lives,
    Member,
    PropertyAggregate,
    Seen,
    Valued,
)
from opsloop_metrics.insights.events import Binding, from_events, holds, matches, number_of, person_of
from opsloop_metrics.insights.periods import EventFilter, Frame, Interval, WeekStart, floor, steps
from opsloop_metrics.orders import service as orders
from opsloop_metrics.people import service as people
from opsloop_metrics.store.port import EventStore

EVER = datetime(1900, 1, 1, tzinfo=UTC)
RFM_DAYS = 365
Inside = Callable[[AsyncSession, UUID, Bucket], Awaitable[Collection[UUID]]]
"""Says who of a bucket is in a segment."""
_SECONDS = 60.0
"""Of one question about a bucket: nobody waits for a refresh; whoever waits for a preview stops it earlier."""


@dataclass(frozen=True)
class Known:
    """What the database knows of a bucket at an instant."""

    workspace: str
    zone: str
    week_start: WeekStart
    as_of: datetime
    bucket: Bucket
    found: dict[Leaf, set[str]] = field(default_factory=dict)
    others: dict[Leaf, set[str]] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)
    seconds: float = _SECONDS
    has_merges: bool = True

    def frame(self, since: datetime, interval: Interval = Interval.DAY, *, is_all: bool = False) -> Frame:
        """Return the frame of what happened from `since` up to the instant, that included."""
        until = rules.shifted(self.as_of)
        return Frame(
            self.workspace,
            self.zone,
            self.week_start,
            interval,
            since,
            until,
            self.as_of,
            include_filtered=is_all,
            has_merges=self.has_merges,
        )


async def known(
    session: AsyncSession,
    definition: Definition,
    bucket: Bucket,
    as_of: datetime,
    *,
    inside: Inside,
    seconds: float = _SECONDS,
) -> Known:
    """Return what the database knows: who is in other segments, what they bought."""
    settings = await workspaces.get(session)
    found, others = dict[Leaf, set[str]](), dict[Leaf, set[str]]()
    leaf: Any
    for leaf in definition.leaves(Member):
        (found if leaf.is_member else others)[leaf] = set(map(str, await inside(session, leaf.segment_id, bucket)))
    for leaf in definition.leaves(Bought):
        found[leaf] = await _bought(session, leaf, bucket, as_of)
    excluded = {str(id) for id, _ in (await people.who_are(session, definition.without_users)).values()}
    for segment_id in definition.without_segments:
        excluded |= set(map(str, await inside(session, segment_id, bucket)))
    zone, week_start = settings.time_zone, WeekStart(settings.week_start)
    return Known(context_of(session).workspace, zone, week_start, as_of, bucket, found, others, excluded, seconds)


async def _bought(session: AsyncSession, leaf: Bought, bucket: Bucket, as_of: datetime) -> set[str]:
    start = as_of - timedelta(days=RFM_DAYS)
    currency = leaf.currency or await orders.commonest_currency(session, start, as_of)
    if currency is None:
        return set()
    every = frozenset(range(1, 6))
    wanted = [asked or every for asked in (leaf.recency, leaf.frequency, leaf.monetary)]
    scored = await orders.scored(session, currency, start, as_of, bucket.low, bucket.high)
    return {str(id) for id, *scores in scored if all(score in some for score, some in zip(scores, wanted, strict=True))}


async def members(store: EventStore, definition: Definition, known: Known) -> set[str]:
    """Return the members in the bucket, also those who are gone by now though their events are there; raises TooHeavy, StoreUnavailable."""
    known = replace(known, has_merges=await _has_merges(store, known))
    first_seen = await _seen(store, known)
    everybody = set(first_seen)
    found = known.found | {leaf: everybody - others for leaf, others in known.others.items()}
    if asked := definition.leaves(Did, Valued, Lives):
        found |= await _by_events(store, known, asked, first_seen, everybody)
    if asked := definition.leaves(Is):
        found |= await _by_traits(store, known, asked, everybody)
    return rules.members(definition, everybody, found, known.excluded)


async def _has_merges(store: EventStore, known: Known) -> bool:
    bind = Binding()
    return bool(await _ask(store, known, f"SELECT 1 {_merges(known, bind)} LIMIT 1", bind))


def _merges(known: Known, bind: Binding) -> str:
    return f"FROM opsloop.person_override WHERE workspace = {bind.text(known.workspace)}"


async def _seen(store: EventStore, known: Known) -> dict[str, int]:
    """Return those who count as people, by a message that is neither a bot's nor a test's, and when any first told of them (ms)."""
    bind, frame = Binding(), known.frame(EVER, is_all=True)
    sql = (
        f"SELECT toString({person_of(frame)}) AS who, min(if(e.kind = 'domain', NULL, toUnixTimestamp64Milli(e.time))) "
        f"{from_events(frame, bind, conditions=_events_in_bucket(known, frame, bind))} GROUP BY who "
        "HAVING max(e.is_bot = 0 AND e.is_test = 0)"
    )
    rows = await _ask(store, known, sql, bind)
    return {who: rules.NEVER if first is None else int(first) for who, first in rows}


async def _by_events(
    store: EventStore, known: Known, asked: Sequence[Any], first_seen: dict[str, int], everybody: set[str]
) -> dict[Leaf, set[str]]:
    bind = Binding()
    columns, wanted, since = [], [], known.as_of
    for leaf in asked:
        told, of, begin = _column(known, leaf, bind)
        columns += told
        wanted.append(of)
        since = min(since, begin)
    frame = known.frame(since)
    conditions = [*_events_in_bucket(known, frame, bind), f"({' OR '.join(wanted)})"]
    sql = f"SELECT toString({person_of(frame)}) AS who, {', '.join(columns)} {from_events(frame, bind, conditions=conditions)} GROUP BY who"
    rows = {who: told for who, *told in await _ask(store, known, sql, bind) if who in first_seen}
    silent, place = everybody - rows.keys(), 0
    found: dict[Leaf, set[str]] = {}
    for leaf in asked:  # whoever did none of it is all alike, and most are
        width = 2 if isinstance(leaf, Lives) else 1
        found[leaf] = {
            who for who, told in rows.items() if _fulfils(known, leaf, told[place : place + width], first_seen[who])
        }
        if _fulfils(known, leaf, [None] * width, rules.NEVER):
            found[leaf] |= silent
        place += width
    return found


def _column(known: Known, leaf: Did | Valued | Lives, bind: Binding) -> tuple[list[str], str, datetime]:
    """Return the columns of a condition, which events they look at, and from when on."""
    if isinstance(leaf, Lives):
        here, before = _edges(known, leaf.interval)
        active = matches(EventFilter(), bind)
        times = f"e.time >= {bind.time(here)}", f"e.time >= {bind.time(before)} AND e.time < {bind.time(here)}"
        return [f"max({active} AND {time})" for time in times], active, before
    since = EVER if leaf.within is None else rules.shifted(known.as_of - leaf.within)
    of = f"{matches(leaf.wanted, bind)} AND e.time >= {bind.time(since)}"
    if isinstance(leaf, Did):
        return [f"countIf({of})"], of, since
    field = leaf.condition.field
    if leaf.aggregate is PropertyAggregate.LAST:
        is_there = holds(rules.is_there(field), bind)
        last = f"toUInt8({holds(leaf.condition, bind)}), (e.time, e.message_id), {of} AND {is_there}"
        return [f"if(countIf({of} AND {is_there}) = 0, NULL, argMaxIf({last}))"], of, since
    value = number_of(field, bind)
    return [f"{leaf.aggregate}If({value}, {of} AND {value} IS NOT NULL)"], of, since


def _fulfils(known: Known, leaf: Any, columns: Sequence[Any], first_seen: int) -> bool:
    told = columns[0]
    if isinstance(leaf, Did):
        return rules.counts(int(told or 0), leaf)
    if isinstance(leaf, Lives):
        is_new = first_seen >= rules.milliseconds(_edges(known, leaf.interval)[0])
        return Seen(is_new, bool(told), bool(columns[1])).is_in(leaf.stage)
    if leaf.aggregate is PropertyAggregate.LAST:
        return rules.holds_for_nothing(leaf.condition) if told is None else bool(told)
    value = 0.0 if told is None and leaf.aggregate is PropertyAggregate.SUM else told
    return rules.compares(value, leaf.condition)


def _edges(known: Known, interval: Interval) -> tuple[datetime, datetime]:
    """Return when the interval that runs began, and the one before."""
    here = floor(known.as_of, interval, known.zone, known.week_start)
    return here, steps(here, -1, interval, known.zone)


async def _by_traits(store: EventStore, known: Known, asked: Sequence[Is], everybody: set[str]) -> dict[Leaf, set[str]]:
    bind = Binding()
    workspace = bind.text(known.workspace)
    bucket = "".join(f" AND {each}" for each in _in_bucket(known, "id"))
    nothing = [rules.holds_for_nothing(leaf.condition) for leaf in asked]
    flags = [f"toUInt8{holds(leaf.condition, bind)}" for leaf in asked]
    told = " OR ".join(f"{flag} != {absent:d}" for flag, absent in zip(flags, nothing, strict=True))
    sql = (
        f"SELECT toString(p.id), {', '.join(flags)} FROM (SELECT id, "  # noqa: S608 values are parameters
        f"argMax(traits, version) AS traits FROM opsloop.person WHERE workspace = {workspace}{bucket} GROUP BY id) AS p WHERE {told}"
    )
    rows = {who: told for who, *told in await _ask(store, known, sql, bind) if who in everybody}
    silent = everybody - rows.keys()
    return {
        leaf: {who for who, told in rows.items() if told[place]} | (silent if nothing[place] else set())
        for place, leaf in enumerate(asked)
    }


def _events_in_bucket(known: Known, frame: Frame, bind: Binding) -> list[str]:
    wanted = _in_bucket(known, person_of(frame))
    if frame.has_merges and wanted:
        # besides, so that the events of all the others are left out before they are joined with whom they are of
        here = " AND ".join(_in_bucket(known, "e.person"))
        wanted.append(f"({here} OR e.person IN (SELECT person {_merges(known, bind)}))")
    return wanted


def _in_bucket(known: Known, person: str) -> list[str]:
    bucket = known.bucket
    if bucket.is_everything:
        return []
    return [f"bitShiftRight(reinterpretAsUInt64({person}), 48) BETWEEN {bucket.first:d} AND {bucket.last:d}"]


async def _ask(store: EventStore, known: Known, sql: str, bind: Binding) -> list[list[Any]]:
    return (await store.query(sql, bind.values, seconds=known.seconds, workspace=known.workspace)).rows
