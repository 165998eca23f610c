"""What a service is made of, and what it runs on. Everything is handed in; nothing here is global."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData

from opsloop_common.clock import Clock
from opsloop_common.contracts.envelope import EventData
from opsloop_common.db import Database
from opsloop_common.ids import uuid7
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.meters import Meters
from opsloop_common.secretbox import SecretBox
from opsloop_common.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from opsloop_common.bus.port import Bus
    from opsloop_common.due.kinds import DueKind

Worker = Callable[["Runtime"], Coroutine[Any, Any, None]]
Chore = Callable[["Runtime"], Awaitable[None]]


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
    pruning: Sequence[Chore] = ()
    """Delete, in small batches, what is older than it is kept; the worker role does so about once an hour."""


@dataclass(frozen=True)
class Check:
    """The outcome of one readiness check. What is not essential makes the service `degraded`, no more."""

    name: str
    ok: bool
    detail: str = ""
    essential: bool = True


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
