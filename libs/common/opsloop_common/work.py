"""The unit of work: one session, on whose behalf it works, what it has still to write before its commit, and what follows.

What rooms say in a transaction (append an event, schedule, record for the audit) is written just before its COMMIT, all of a
kind in one statement, in the order of `Phase`:

1. the rooms' own rows: their failure must leave nothing locked while it is handled;
2. the claim of the due row at work, settled: who has lost it writes nothing more;
3. due rows, sorted: a transaction that schedules work holds their locks for a moment only, and takes them after all rows of
   its own, as the handler of that same work does, so the two cannot deadlock;
4. the audit, which locks nothing;
5. events, sorted by stream: their counters are what transactions of one aggregate wait for, so they are locked last;
6. ends of streams, whose last event is then among them.

This module has the house's only listeners of commits and rollbacks. Rooms import what they need of it from `opsloop_common.db`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

from opsloop_common.clock import Clock
from opsloop_common.contracts.envelope import Event
from opsloop_common.ids import uuid7
from opsloop_common.meters import Meters, MeterT
from opsloop_common.settings import Settings
from opsloop_common.telemetry.spans import continued
from opsloop_common.wakeups import Wakeups

if TYPE_CHECKING:
    from opsloop_common.telemetry.tracer import Tracer


CAUSE = ("correlationid", "causationid", "causationdepth", "causationroot", "traceparent")


@dataclass(frozen=True)
class Context:
    """On whose behalf a transaction runs: its workspace, its actor, and what caused it. Events inherit all of it."""

    workspace: str
    actor: str = "system"
    correlationid: str = field(default_factory=lambda: str(uuid7()))
    causationid: str | None = None
    causationdepth: int = 0
    causationroot: str | None = None
    traceparent: str | None = None

    def cause(self) -> dict[str, Any]:
        """Return the part that later work inherits, as JSON: time acts as `system`, on behalf of what caused it."""
        return {name: getattr(self, name) for name in CAUSE}

    @classmethod
    def following(cls, workspace: str, cause: Mapping[str, Any]) -> Context:
        """Return the context of work whose `cause` was stored; what a newer release stored besides is left out."""
        return cls(workspace, **{name: cause[name] for name in CAUSE if name in cause})

    @classmethod
    def caused_by(cls, cause: Event, *, actor: str = "system") -> Context:
        """Return the context of work that `cause` led to."""
        return cls(
            workspace=cause.workspace,
            actor=actor,
            correlationid=cause.correlationid,
            causationid=str(cause.id),
            causationdepth=cause.causationdepth + 1,
            causationroot=cause.root,
            traceparent=continued(cause.traceparent),
        )


@dataclass
class Grounds:
    """What everything that is done on one service's database stands on."""

    service: str
    clock: Clock
    wakeups: Wakeups = field(default_factory=Wakeups)
    meters: Meters = field(default_factory=lambda: Meters(CollectorRegistry()))
    settings: Settings | None = None
    ports: object = None
    """Meters of its own registry, its settings, and what its service keeps open: a runtime puts them here."""
    tracer: Tracer | None = None
    """While the service is traced, what begins its spans: `runner.traced` puts it here."""

    def link(self, path: str | None) -> str | None:
        """Return the address that people reach a path of this service by, None without a path or a public address."""
        return self.page(f"/api/{self.service}{path}") if path else None

    def page(self, path: str) -> str | None:
        """Return the address of a page for people, None without a public address."""
        public = self.settings.public_url if self.settings is not None else None
        return f"{public.rstrip('/')}{path}" if public else None


class Phase(IntEnum):
    """The order in which what is pending is written before a commit."""

    CLAIM = 1
    DUE = 2
    AUDIT = 3
    EVENTS = 4
    ENDS = 5


class Part(ABC):
    """What one part of the house has to write before a transaction commits; made when it is first asked for."""

    phase: ClassVar[Phase]

    @abstractmethod
    def write(self, work: UnitOfWork) -> None:
        """Write it all down; raise to roll the transaction back."""


PartT = TypeVar("PartT", bound=Part)
PortsT = TypeVar("PortsT")
SettingsT = TypeVar("SettingsT", bound=Settings)


class UnitOfWork(Session):
    """The session class of every service.

    `enters`: its transactions enter the context's workspace by themselves (see `entry`). `statement_seconds`: and then have so
    long for a statement, instead of what their connection has.
    """

    def __init__(
        self,
        *arguments: Any,
        grounds: Grounds,
        context: Context | None = None,
        enters: bool = True,
        statement_seconds: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.grounds = grounds
        self.context = context
        self.enters = enters
        self.statement_seconds = statement_seconds
        self.entered_every_workspace: SessionTransaction | None = None
        self._parts: dict[type[Part], Part] = {}
        self._wakeups: set[str] = set()
        self._counts: list[Callable[[], object]] = []

    def part(self, kind: type[PartT]) -> PartT:
        """Return the part of a kind that is written before this transaction commits.

        Begins a transaction if there is none, or there would be no commit. A RuntimeError inside a savepoint, whose rollback
        would not take back what is said there.
        """
        if self.in_nested_transaction():
            raise RuntimeError("append, schedule and record outside savepoints")
        if not self.in_transaction():
            self.begin()
        found = self._parts.get(kind)
        if not isinstance(found, kind):
            found = self._parts[kind] = kind()
        return found

    def fire_after_commit(self, name: str) -> None:
        """Fire a wake-up once the transaction has committed."""
        self._wakeups.add(name)

    def count_after_commit(self, count: Callable[[], object]) -> None:
        """Call `count` once the transaction has committed."""
        self._counts.append(count)

    def write_parts(self) -> None:
        """Write what is pending, in the order of its phases."""
        parts, self._parts = self._parts, {}
        if parts:
            self.flush()
        for part in sorted(parts.values(), key=lambda part: part.phase):
            part.write(self)

    def follow_commit(self) -> None:
        """Do what waited for the commit."""
        names, counts = self._wakeups, self._counts
        self._wakeups, self._counts = set(), []
        for name in names:
            self.grounds.wakeups.fire(name)
        for count in counts:
            count()

    def forget(self) -> None:
        """Forget all that was pending: what was rolled back did not happen."""
        self._parts, self._wakeups, self._counts = {}, set(), []


# a savepoint commits and rolls back too: nothing is visible then, and the transaction goes on


@event.listens_for(UnitOfWork, "before_commit")
def _before_commit(work: UnitOfWork) -> None:
    if not work.in_nested_transaction():
        work.write_parts()


@event.listens_for(UnitOfWork, "after_commit")
def _after_commit(work: UnitOfWork) -> None:
    if not work.in_nested_transaction():
        work.follow_commit()


@event.listens_for(UnitOfWork, "after_rollback")
def _after_rollback(work: UnitOfWork) -> None:
    if not work.in_nested_transaction():
        work.forget()


def work_of(session: AsyncSession) -> UnitOfWork:
    """Return the unit of work that a session is."""
    work = session.sync_session
    if not isinstance(work, UnitOfWork):
        raise TypeError("this session was not opened by a Database")
    return work


def context_of(session: AsyncSession) -> Context:
    """Return on whose behalf the session works; a LookupError when it was opened without a context."""
    context = work_of(session).context
    if context is None:
        raise LookupError("this transaction was opened without a context")
    return context


@contextmanager
def acting_for(session: AsyncSession, cause: Event | Context) -> Iterator[None]:
    """Work on behalf of another cause for the length of the block: what is appended, scheduled and recorded there inherits it.

    For transactions that work through several causes: a batch handler says which event it is at. Which rows are visible
    stays as it is; that is `entry.enter`.
    """
    work = work_of(session)
    before, work.context = work.context, cause if isinstance(cause, Context) else Context.caused_by(cause)
    try:
        yield
    finally:
        work.context = before


def clock_of(session: AsyncSession) -> Clock:
    """Return the clock that the session's work goes by."""
    return work_of(session).grounds.clock


def meters_of(session: AsyncSession, kind: Callable[[CollectorRegistry], MeterT]) -> MeterT:
    """Return the meter of a kind that the session's service counts with; see `count_after_commit`."""
    return work_of(session).grounds.meters.of(kind)


class Grounded(Protocol):
    """What stands on the same grounds as the sessions of its service: its database, its runtime, a run of a job."""

    @property
    def grounds(self) -> Grounds:
        """Return what everything there stands on."""
        ...


def _grounds_of(where: AsyncSession | Grounded) -> Grounds:
    return work_of(where).grounds if isinstance(where, AsyncSession) else where.grounds


def settings_of(where: AsyncSession | Grounded, kind: type[SettingsT]) -> SettingsT:
    """Return the service's own settings; a LookupError on a database that no runtime of such a service stands on."""
    settings = _grounds_of(where).settings
    if not isinstance(settings, kind):
        raise LookupError(f"{kind.__name__} are not the settings here, but {type(settings).__name__}")
    return settings


def ports_of(where: AsyncSession | Grounded, kind: type[PortsT]) -> PortsT:
    """Return what the service keeps open (`Service.open`), the same for a route, a handler, a job and a worker.

    Whatever calls out does so outside a transaction. A LookupError where nothing of the kind is open.
    """
    ports = _grounds_of(where).ports
    if not isinstance(ports, kind):
        raise LookupError(f"{kind.__name__} are not open here, but {type(ports).__name__}")
    return ports


def count_after_commit(session: AsyncSession, count: Callable[[], object]) -> None:
    """Call `count` once the session's transaction has committed: what was rolled back did not happen."""
    work_of(session).count_after_commit(count)


def fire_after_commit(session: AsyncSession, name: str) -> None:
    """Fire a wake-up once the session's transaction has committed."""
    work_of(session).fire_after_commit(name)
