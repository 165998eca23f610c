"""What a service is made of, and what it runs on. Everything is handed in; nothing here is global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.clock import Clock
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.db import Database
from opsloop_common.ids import uuid7
from opsloop_common.meters import Meters
from opsloop_common.secretbox import SecretBox
from opsloop_common.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from opsloop_common.bus.port import Bus
    from opsloop_common.due.kinds import DueKind

EventHandler = Callable[[AsyncSession, Event], Awaitable[None]]
BatchHandler = Callable[[AsyncSession, Sequence[Event]], Awaitable[None]]
QuickHandler = Callable[[Database, Sequence[Event]], Awaitable[set[UUID]]]
Worker = Callable[["Runtime"], Coroutine[Any, Any, None]]
Chore = Callable[["Runtime"], Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """One consumer: a stable name, unique over all services, the event types it wants, and what it does with each.

    `handler` runs inside the transaction that also records the event as applied, in the event's workspace, with
    `Context.caused_by(event)`. `batch_handler`, given instead of it, gets many events of one workspace at once, none applied
    before, in the order of their streams, in one transaction without a cause of its own; when it fails, the events come one
    by one. `types` are exact names, or `*` for all.

    `quick_handler`, beside a `batch_handler`, does the same and the claiming too, below SQLAlchemy (`inbox.statement`): for the
    one way on which each millisecond counts. It returns the ids that it claimed. Parked events are played by the other.

    `gather_seconds`: how long the bus within one process waits for more events before it opens a transaction. Consumers that
    nobody waits for take what comes in a moment together, and leave the loop to those on the way to somebody.
    """

    consumer: str
    types: frozenset[str]
    handler: EventHandler | None = None
    batch_handler: BatchHandler | None = None
    quick_handler: QuickHandler | None = None
    gather_seconds: float = 0.0

    def __post_init__(self) -> None:
        if (self.handler is None) == (self.batch_handler is None):
            raise ValueError(f"{self.consumer}: give either handler or batch_handler")
        if self.quick_handler is not None and self.batch_handler is None:
            raise ValueError(f"{self.consumer}: a quick_handler stands beside a batch_handler")

    def wants(self, type: str) -> bool:
        """Say whether events of `type` go to this consumer."""
        return "*" in self.types or type in self.types


@dataclass(frozen=True)
class Service:
    """A service as the runners see it: the same value serves one process of four and four processes of one."""

    name: str
    title: str
    metadata: MetaData
    migrations: str
    """Python package of the Alembic scripts, for example `opsloop_feedback.migrations`."""
    scopes: tuple[str, ...]
    """All scopes that a key of this service may carry."""
    adding: tuple[str, ...] = ()
    """Those of them that only add, and so may stand on a publishable key."""
    events: tuple[type[EventData], ...] = ()
    routers: Sequence[APIRouter] = ()
    subscriptions: Sequence[Subscription] = ()
    due: Sequence[DueKind] = ()
    workers: Sequence[Worker] = ()
    """Loops of the service's own, run by the worker role and started again when they fail."""
    meters: Sequence[Callable[[CollectorRegistry], Any]] = ()
    """Classes of what the service counts, made at start so that `/metrics` shows them from the first scrape on."""
    gauges: Sequence[Chore] = ()
    """Read from the database what `/metrics` shows of a state; the worker role does so every 15 s, `opsloop status` once."""


@dataclass(frozen=True)
class Check:
    """The outcome of one readiness check. What is not essential makes the service `degraded`, no more.

    What is quiet is only shown when it is not well.
    """

    name: str
    ok: bool
    detail: str = ""
    essential: bool = True
    quiet: bool = False


@dataclass
class Runtime:
    """What one running service stands on."""

    service: Service
    settings: Settings
    db: Database
    clock: Clock
    secrets: SecretBox
    bus: Bus | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    boot_id: UUID = field(default_factory=uuid7)
    direct_url: str | None = None
    """The database without a pooler between, for advisory locks and LISTEN; None: the same as `db`."""
    readiness: list[Callable[[], Awaitable[Check]]] = field(default_factory=list)
    """What `/readyz` asks besides the database; the runner of a role adds its own."""
    asked: object = None
    """The last answer to that, for `http.probes`."""

    def __post_init__(self) -> None:
        """Have everything that is done on this database counted in this registry, and go by these settings."""
        self.db.meters = Meters(self.registry)
        self.db.settings = self.settings
        for kind in self.service.meters:
            self.db.meters.of(kind)
