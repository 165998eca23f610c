"""What a service declares about the events it hears: its consumers, and what each does with an event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.catalogue import INTERNAL
from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Database

EventHandler = Callable[[AsyncSession, Event], Awaitable[None]]
BatchHandler = Callable[[AsyncSession, Sequence[Event]], Awaitable[None]]
QuickHandler = Callable[[Database, Sequence[Event]], Awaitable[set[UUID]]]


@dataclass(frozen=True)
class Subscription:
    """One consumer: a stable name, unique over all services, the event types it wants, and what it does with each.

    `handler` runs inside the transaction that also records the event as applied, in the event's workspace, with
    `Context.caused_by(event)`. `batch_handler`, given instead of it, gets many events of one workspace at once, none applied
    before, in the order of their streams, in one transaction without a cause of its own; when it fails, the events come one
    by one. `types` are exact names, or `*` for all but internal ones.

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
        return type in self.types or ("*" in self.types and type not in INTERNAL)


class Subscriber(Protocol):
    """A service, as far as the events that it hears are concerned."""

    @property
    def name(self) -> str:
        """Return the service's name."""
        ...

    @property
    def subscriptions(self) -> Sequence[Subscription]:
        """Return its consumers."""
        ...
