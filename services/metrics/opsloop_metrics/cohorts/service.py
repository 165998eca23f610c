"""Who is in a bucket by a definition: what the database knows of it, then what the event store says, then the rules.

Both are asked about one instant, the database bucket by bucket and the store about several at once, so that an evaluation takes
bounded time and memory however many people there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_common.db import context_of
from opsloop_metrics.cohorts import queries, rules
from opsloop_metrics.cohorts.queries import Look
from opsloop_metrics.cohorts.rules import Bought, Bucket, Definition, Leaf, Member
from opsloop_metrics.insights.events import Binding
from opsloop_metrics.insights.periods import WeekStart
from opsloop_metrics.orders import service as orders
from opsloop_metrics.people import service as people
from opsloop_metrics.store.port import EventStore, TooHeavy

RFM_DAYS = 365
Inside = Callable[[AsyncSession, UUID, Bucket], Awaitable[Collection[UUID]]]
"""Says who of a bucket is in a segment."""
_SECONDS = 60.0
"""Of one question: nobody waits for a refresh; whoever waits for a preview stops it earlier."""


@dataclass(frozen=True)
class Known:
    """What the database knows of a bucket at an instant: of whom conditions hold, or do not, and who is left out."""

    look: Look
    found: dict[Leaf, set[str]] = field(default_factory=dict)
    others: dict[Leaf, set[str]] = field(default_factory=dict)
    excluded: set[str] = field(default_factory=set)


async def known(
    session: AsyncSession,
    definition: Definition,
    bucket: Bucket,
    as_of: datetime,
    *,
    inside: Inside,
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
    workspace, week_start = context_of(session).workspace, WeekStart(settings.week_start)
    return Known(Look(workspace, settings.time_zone, week_start, as_of, bucket), found, others, excluded)


async def _bought(session: AsyncSession, leaf: Bought, bucket: Bucket, as_of: datetime) -> set[str]:
    start = as_of - timedelta(days=RFM_DAYS)
    currency = leaf.currency or await orders.commonest_currency(session, start, as_of)
    if currency is None:
        return set()
    every = frozenset(range(1, 6))
    wanted = [asked or every for asked in (leaf.recency, leaf.frequency, leaf.monetary)]
    scored = await orders.scored(session, currency, start, as_of, bucket.low, bucket.high)
    return {str(id) for id, *scores in scored if all(score in some for score, some in zip(scores, wanted, strict=True))}


class Evaluation:
    """Asks the event store about several buckets at once, and gives them out one by one: those of one definition at one instant.

    It begins with `width` buckets and asks of more as long as that is answered.
    """

    def __init__(self, store: EventStore, *, width: int | None = None, seconds: float = _SECONDS) -> None:
        self._store = store
        self._seconds = seconds
        self._most = rules.BUCKETS_ASKED
        self._width = width or self._most
        self._told: dict[int, list[tuple[int, str]]] = {}

    def has_after(self, bucket: Bucket) -> bool:
        """Say whether the store was asked about what follows a bucket, too."""
        return bucket.last + 1 in self._told

    async def members(self, definition: Definition, known: Known) -> Collection[str]:
        """Return who of the bucket is in it, also who is gone by now though their events are there; raises TooHeavy, StoreUnavailable."""
        bucket = known.look.people
        if bucket.first not in self._told:
            await self._ask(definition, known.look)
        told = [(bits, ids.split(",")) for bits, ids in self._told[bucket.first]]
        if rules.is_settled_by_store(definition):
            return [id for _, ids in told for id in ids]
        leaves = rules.asked_of_store(definition)
        chosen = set[str]()
        for bits, ids in told:
            everybody = set(ids)
            found = known.found | {leaf: everybody - others for leaf, others in known.others.items()}
            found |= {leaf: everybody if bits >> place & 1 else set() for place, leaf in enumerate(leaves)}
            chosen |= rules.members(definition, everybody, found, known.excluded)
        return chosen

    async def _ask(self, definition: Definition, look: Look) -> None:
        bucket = look.people
        self._told.clear()
        while True:
            span = rules.span_of(bucket, self._width)
            try:
                rows = await self._rows(definition, replace(look, people=span), bucket.size)
                break
            except TooHeavy:
                if self._width == 1:
                    raise
                self._width = self._most = self._width // 2
        self._told = {first: [] for first in range(span.first, span.last + 1, bucket.size)}
        for number, bits, ids in rows:
            self._told[number * bucket.size].append((bits, ids))
        self._width = min(2 * self._width, self._most)

    async def _rows(self, definition: Definition, look: Look, size: int) -> list[list[Any]]:
        bind = Binding()
        merged = await self._query(look, queries.has_merges(look.workspace, bind), bind)
        look, bind = replace(look, has_merges=bool(merged)), Binding()
        return await self._query(look, queries.candidates(look, definition, size, bind), bind)

    async def _query(self, look: Look, sql: str, bind: Binding) -> list[list[Any]]:
        return (await self._store.query(sql, bind.values, seconds=self._seconds, workspace=look.workspace)).rows
