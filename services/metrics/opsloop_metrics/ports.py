"""What rooms of metrics reach without knowing it; found with `ports_of`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.bus.log import Log
from opsloop_common.outbound.client import OutboundClient
from opsloop_common.secretbox import SecretBox
from opsloop_common.shares import Places
from opsloop_metrics.capture.rules import Entry, Outcome
from opsloop_metrics.muting.rules import Maintained, Muted
from opsloop_metrics.store.gate import Gate
from opsloop_metrics.store.port import EventStore
from opsloop_metrics.visits.rules import PlaceFinder

WALKERS = 2


class Watching(Protocol):
    """Who watches KPIs, and is told within the transaction of a change, under the KPI's lock.

    Monitors know KPIs; a KPI knows of nobody who looks at it, or the two rooms would be one.
    """

    async def on_value_reported(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Look at the KPI soon."""

    async def on_measured_anew(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Start anew on another measure; raises Conflict for one that cannot be watched so."""

    async def on_deleted(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """End what is open of a KPI that is about to go."""


@dataclass(frozen=True)
class Watchers:
    """Several who watch, told one after the other."""

    watchers: tuple[Watching, ...]

    async def on_value_reported(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Tell all of a value."""
        for watcher in self.watchers:
            await watcher.on_value_reported(session, kpi_id)

    async def on_measured_anew(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Tell all of another measure."""
        for watcher in self.watchers:
            await watcher.on_measured_anew(session, kpi_id)

    async def on_deleted(self, session: AsyncSession, kpi_id: UUID, /) -> None:
        """Tell all of the end."""
        for watcher in self.watchers:
            await watcher.on_deleted(session, kpi_id)


class Muting(Protocol):
    """Who keeps monitors quiet for a time; monitors do not know by what."""

    async def muted(
        self, session: AsyncSession, key: str, tags: Sequence[str], monitor_ids: Sequence[UUID], /
    ) -> Mapping[UUID, Muted]:
        """Return which of the monitors of the KPI with that key and tags keep quiet now."""
        ...

    async def maintained(
        self, session: AsyncSession, key: str, tags: Sequence[str], start: datetime, end: datetime, /
    ) -> Sequence[Maintained]:
        """Return the times in `[start, end)` in which maintenance of the KPI with that key and tags was planned."""
        ...


class PersonEvents(Protocol):
    """Where the events of persons are kept."""

    async def erase(self, workspace: str, person_ids: Collection[UUID]) -> None:
        """Take away all events and profiles of persons, for good; doing it again is the same as once."""


class Sink(Protocol):
    """Takes what was captured: a writer in this process, or a log that one reads."""

    async def take(self, entries: Sequence[Entry]) -> Sequence[Outcome]:
        """Return what became of each entry, once those that were taken are durable; raises StoreUnavailable, none taken then."""
        ...

    async def noted(self) -> None:
        """Return when it stands in the store that what was taken before is known, so far as this process sees to it."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """What an insight came to: the JSON of its door, and the same numbers as the table that is its CSV."""

    body: Mapping[str, Any]
    names: Sequence[str]
    rows: Sequence[Sequence[str | int | float | None]]


@dataclass(frozen=True, slots=True)
class Insight:
    """One insight: what a question is, how its answer is found, and how it is told, as JSON and as a table.

    `find` takes what `schema` made of a question and raises TooHeavy, StoreUnavailable, Invalid; `shown` and `as_table` take what it found.
    """

    schema: type[BaseModel]
    find: Callable[[AsyncSession, Any], Awaitable[Any]]
    shown: Callable[[Any], BaseModel]
    as_table: Callable[[Any], tuple[Sequence[str], Sequence[Sequence[Any]]]]

    async def answer(self, session: AsyncSession, question: Any) -> Answered:
        """Answer for those who keep questions for later; raises what `find` does."""
        found = await self.find(session, question)
        return Answered(self.shown(found).model_dump(mode="json", by_alias=True), *self.as_table(found))


class Answers(Protocol):
    """The newest answers of saved insights, each of one version of its question."""

    def find(self, insight_id: UUID, version: int, now: datetime) -> tuple[datetime, Answered] | None:
        """Return when an answer was found and what it was, None where none holds any more."""

    def keep(self, insight_id: UUID, version: int, now: datetime, answered: Answered) -> None:
        """Keep an answer for a while."""


@dataclass(frozen=True)
class Captured:
    """What other processes captured, and who writes it."""

    log: Log
    writer: Sink


class Feed(Protocol):
    """Brings other services' events beside the product's; what all insights share knows no room, and so not this one."""

    async def begin(self, session: AsyncSession, /) -> None:
        """Begin with the session's workspace; again changes nothing."""


@dataclass(frozen=True)
class MetricsPorts:
    """What the service keeps at hand for as long as it runs."""

    watching: Watching
    muting: Muting
    store: EventStore
    sink: Sink
    find_place: PlaceFinder
    secrets: SecretBox
    person_events: PersonEvents
    feed: Feed
    insights: Mapping[str, Insight]
    """By the last step of their path: `trends`, `active-users` …"""
    answers: Answers
    outbound: OutboundClient
    """To addresses that users give."""
    keys_asking: Callable[[AsyncSession, UUID], Awaitable[Sequence[str]]]
    """Returns the keys of the KPIs that ask a saved insight; who keeps insights knows no KPI."""
    walkers: Gate = field(default_factory=lambda: Gate(Places(WALKERS, kept=WALKERS - 1)))
    """Who finds a funnel out person by person, in a process each."""
    captured: Captured | None = None
    """None where what is captured is written where it comes in."""
