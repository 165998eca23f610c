"""What a service is made of, and what it runs on. Everything is handed in; nothing here is global."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prometheus_client import CollectorRegistry
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from opsloop_common.clock import Clock
from opsloop_common.contracts.envelope import EventData
from opsloop_common.db import Database
from opsloop_common.ids import uuid7
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.meters import Meters
from opsloop_common.resealing import Sealed
from opsloop_common.secretbox import SecretBox
from opsloop_common.settings import Settings
from opsloop_common.work import Grounds
from opsloop_common.workspaces import subscription as workspace_subscription

if TYPE_CHECKING:
    from fastapi import APIRouter

    from opsloop_common.bus.port import Bus
    from opsloop_common.due.kinds import DueKind

Loop = Callable[["Runtime"], Coroutine[Any, Any, None]]
Chore = Callable[["Runtime"], Awaitable[None]]
Opener = Callable[["Runtime"], AbstractAsyncContextManager[object]]


async def migrates_nothing(settings: Settings) -> None:
    """Be `Service.migrate` of a service that keeps nothing besides its database."""


def opens_nothing(runtime: Runtime) -> AbstractAsyncContextManager[object]:
    """Be `Service.open` of a service that needs nothing besides its database."""
    return nullcontext()


@dataclass(frozen=True)
class Slice:
    """One room of a service and all that comes with it: declared in the room's `slice.py`, listed in the service's `app.py`."""

    name: str
    models: Sequence[type[DeclarativeBase]] = ()
    """Its tables; each table of a service is declared by exactly one slice."""
    sealed: Sequence[Sealed] = ()
    """Those of their columns that hold what is sealed, for a change of the key."""
    routers: Sequence[APIRouter] = ()
    """In the order of the slices their routes stand in the contract, and are tried."""
    subscriptions: Sequence[Subscription] = ()
    due: Sequence[DueKind] = ()
    loops: Sequence[Loop] = ()
    """Loops of its own, run by the worker role and started again when they fail."""
    meters: Sequence[Callable[[CollectorRegistry], Any]] = ()
    """Classes of what it counts, made at start so that `/metrics` shows them from the first scrape on."""
    gauges: Sequence[Chore] = ()
    """Read from the database what `/metrics` shows of a state; the worker role does so every 15 s, `opsloop status` once."""


@dataclass(frozen=True, eq=False)
class Service:
    """A service as the runners see it: the same value serves one process of four and four processes of one.

    What it does is what its slices declare. A ValueError when two of them declare the same.
    """

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
    slices: Sequence[Slice] = ()
    self_approval: bool = False
    """Whether its settings of a workspace say `allow_self_approval`: where people approve."""
    settings: type[Settings] = Settings
    """The class of its settings, read once at the start; `settings_of` finds them from everywhere."""
    migrate: Callable[[Any], Awaitable[None]] = migrates_nothing
    """Makes what it keeps besides its database fit for this release, given its settings: the command `migrate`. Raises Unusable."""
    open: Opener = opens_nothing
    """Yields what it keeps open for as long as it runs, in every role: a dataclass of its ports; see `ports_of`."""

    def __post_init__(self) -> None:
        declared = {f"the loop {name}": "every service" for name in HOUSE_LOOPS}
        for each in self.slices:
            for what in _names(each):
                if what in declared:
                    raise ValueError(f"{self.name}: {what} is declared by {declared[what]} and by {each.name}")
                declared[what] = each.name

    @property
    def routers(self) -> tuple[APIRouter, ...]:
        """Return the routers of all slices."""
        return tuple(router for each in self.slices for router in each.routers)

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the consumers of all slices, and the one that every service has."""
        declared = (subscription for each in self.slices for subscription in each.subscriptions)
        return (*declared, workspace_subscription(self.name))

    @property
    def due(self) -> tuple[DueKind, ...]:
        """Return the kinds of due work of all slices."""
        return tuple(kind for each in self.slices for kind in each.due)

    @property
    def sealed(self) -> tuple[Sealed, ...]:
        """Return the sealed columns of all slices."""
        return tuple(column for each in self.slices for column in each.sealed)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """Return the loops of all slices."""
        return tuple(loop for each in self.slices for loop in each.loops)

    @property
    def meters(self) -> tuple[Callable[[CollectorRegistry], Any], ...]:
        """Return the meters of all slices."""
        return tuple(meter for each in self.slices for meter in each.meters)

    @property
    def gauges(self) -> tuple[Chore, ...]:
        """Return what all slices show of a state."""
        return tuple(gauge for each in self.slices for gauge in each.gauges)


HOUSE_LOOPS = ("gauges", "recurring")
"""Names of loops that every service has."""


def loop_name(loop: Loop) -> str:
    """Return by what name a loop is supervised: its function's."""
    return getattr(loop, "__name__", "loop")


def _names(declared: Slice) -> list[str]:
    """Return what a slice declares that no other slice of the service may, in words."""
    return [
        f"the slice {declared.name}",
        *(f"the table {model.__tablename__}" for model in declared.models),
        *(f"the consumer {subscription.consumer}" for subscription in declared.subscriptions),
        *(f"the due kind {kind.name}" for kind in declared.due),
        *(f"the loop {loop_name(loop)}" for loop in declared.loops),
        *(f"the meter {getattr(meter, '__name__', meter)}" for meter in declared.meters),
    ]


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
    ports: object = None
    """What the service keeps open. Given at the start, it stands in for what would be opened: for tests."""

    def __post_init__(self) -> None:
        """Have everything that is done on this database counted in this registry, and go by these settings and ports."""
        if not isinstance(self.settings, self.service.settings):
            raise TypeError(f"{self.service.name} goes by {self.service.settings.__name__}")
        self.grounds.meters = Meters(self.registry)
        self.grounds.settings = self.settings
        self.grounds.ports = self.ports
        for kind in self.service.meters:
            self.db.meters.of(kind)

    @property
    def grounds(self) -> Grounds:
        """Return what everything that is done here stands on."""
        return self.db.grounds

    def answer_at(self, host: str, port: int) -> None:
        """Go by where we really answer, once that is known: what is called for others must not lead back here."""
        self.settings = self.settings.model_copy(update={"host": host, "port": port})
        self.grounds.settings = self.settings

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the service's ports open for the length of the block, unless some were handed in."""
        if self.ports is not None:
            yield
            return
        async with self.service.open(self) as ports:
            self.ports = self.grounds.ports = ports
            try:
                yield
            finally:
                self.ports = self.grounds.ports = None
