"""Apply events at most once per consumer: the inbox row and the handler's work commit together.

An event is tried at once and then after each pause of `backoff`. What still fails is parked, and later events of its stream
are parked behind it ("held") while other streams go on. Faults that pass by themselves (connection lost, time-out, deadlock,
database restarting) are waited out without counting.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import failpoints
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.erasing import is_about_nobody
from opsloop_common.db import Context, Database
from opsloop_common.entry import ENTERED_SQL
from opsloop_common.faults import cancelled_only_from_outside, fingerprint, frames, is_permanent, reason
from opsloop_common.inbox import holding
from opsloop_common.inbox.delivery import Delivery
from opsloop_common.inbox.statement import CLAIM_SQL, claim_parameters
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.supervision import Pauses, patiently
from opsloop_common.telemetry.events import processing

log = structlog.get_logger(__name__)

BACKOFF = (0.2, 1.0, 5.0)
PAUSES = Pauses(first=0.2, longest=5.0)
WIDESPREAD_SECONDS = 60.0

Result = TypeVar("Result")
Sleep = Callable[[float], Awaitable[None]]

# the workspace rides along: a statement of its own would cost a round trip
_CLAIM = text(f"WITH {ENTERED_SQL}, {CLAIM_SQL} SELECT event_id FROM claimed")  # noqa: S608 our own parts


class Outcome(StrEnum):
    """What became of a delivery. In every case the consumer is done with it."""

    APPLIED = "applied"
    REPEATED = "repeated"
    IGNORED = "ignored"
    PARKED = "parked"
    HELD = "held"


async def handle(subscription: Subscription, session: AsyncSession, events: Sequence[Event]) -> None:
    """Hand events to whichever handler the subscription has."""
    if subscription.batch_handler is not None:
        await subscription.batch_handler(session, events)
        return
    assert subscription.handler is not None  # noqa: S101 Subscription checks it
    for event in events:
        await subscription.handler(session, event)


def context_for(subscription: Subscription, events: Sequence[Event]) -> Context:
    """Return the context of handling `events`: caused by the event, or, for a batch, only in its workspace."""
    if subscription.batch_handler is None:
        return Context.caused_by(events[0])
    return Context(workspace=events[0].workspace)


async def try_once(database: Database, subscription: Subscription, events: Sequence[Event]) -> set[UUID]:
    """Claim, handle and commit events of one workspace in one transaction; returns the ids that were claimed.

    What is not returned was applied before, or its stream has parked events. Raises what the handler raises, and then nothing
    has happened.
    """
    await database.known.note(events[0].workspace)
    with cancelled_only_from_outside(), processing(database.tracer, subscription.consumer, events):
        return await _try_once(database, subscription, events)


async def _try_once(database: Database, subscription: Subscription, events: Sequence[Event]) -> set[UUID]:
    if subscription.quick_handler is not None:
        failpoints.hit("consumer.before_commit")
        claimed = await subscription.quick_handler(database, events)
        failpoints.hit("consumer.after_commit")
        return claimed
    async with database.unentered(context_for(subscription, events)) as session, session.begin():
        claimed = set((await session.execute(_CLAIM, claim_parameters(subscription.consumer, events))).scalars())
        by_id = {event.id: event for event in events}
        if mine := [event for event in by_id.values() if event.id in claimed and not is_about_nobody(event)]:
            await handle(subscription, session, mine)
        failpoints.hit("consumer.before_commit")
    failpoints.hit("consumer.after_commit")
    return claimed


@dataclass
class Applier:
    """Applies deliveries to one subscription, one call at a time per stream. Never raises for what an event does."""

    database: Database
    subscription: Subscription
    backoff: Sequence[float] = BACKOFF
    sleep: Sleep = asyncio.sleep
    _parked: dict[str, float] = field(default_factory=dict)
    """When each fingerprint was last parked, by the loop's clock."""

    async def apply(self, delivery: Delivery) -> Outcome:
        """Apply one delivery, with the tries and the parking described above."""
        event = delivery.event
        if event is None:
            await self._patiently(lambda: holding.park_unreadable(self.database, self.subscription.consumer, delivery))
            log.error("unreadable event parked", consumer=self.subscription.consumer, origin=delivery.origin)
            return Outcome.PARKED
        if not self.subscription.wants(event.type):
            return Outcome.IGNORED
        attempts = 0
        while True:
            attempts += 1
            try:
                return await self._settle(delivery, event)
            except Exception as error:  # noqa: BLE001 whatever a handler raises must not stop the other streams
                if attempts > len(self.backoff) or is_permanent(error):
                    return await self._park(delivery, event, error, attempts)
                self._warn("event failed, trying again", event, error)
                pause = 0.0 if self._was_just_parked(error) else self.backoff[attempts - 1]
            await self.sleep(pause)

    async def apply_batch(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """Apply deliveries, many in one transaction where the subscription takes batches; outcomes in the same order."""
        outcomes: dict[int, Outcome] = {}
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for index, delivery in enumerate(deliveries):
            if delivery.event is None or self.subscription.batch_handler is None:
                outcomes[index] = await self.apply(delivery)
            elif not self.subscription.wants(delivery.event.type):
                outcomes[index] = Outcome.IGNORED
            else:
                groups[delivery.event.workspace].append(index)
        for indexes in groups.values():
            settled = await self._try_batch([event for i in indexes if (event := deliveries[i].event)])
            for index in indexes:
                event = deliveries[index].event
                if event is not None and event.id in settled:
                    outcomes[index] = settled[event.id]
                    settled[event.id] = Outcome.REPEATED  # should it be there twice
                else:
                    outcomes[index] = await self.apply(deliveries[index])
        return [outcomes[index] for index in range(len(deliveries))]

    async def _try_batch(self, events: Sequence[Event]) -> dict[UUID, Outcome]:
        """Return what became of those events that are done with; the others go one by one."""
        if len(events) == 1:
            return {}
        try:
            claimed = await self._patiently(lambda: try_once(self.database, self.subscription, events))
        except Exception as error:  # noqa: BLE001 the one that failed is found one by one
            self._warn("batch failed, going one by one", events[0], error)
            return {}
        outcomes = dict.fromkeys(claimed, Outcome.APPLIED)
        rest = [event.id for event in events if event.id not in claimed]
        if rest:
            consumer = self.subscription.consumer
            known = await self._patiently(lambda: holding.applied_among(self.database, consumer, rest))
            outcomes |= dict.fromkeys(known, Outcome.REPEATED)
        return outcomes

    async def _settle(self, delivery: Delivery, event: Event) -> Outcome:
        consumer = self.subscription.consumer
        while True:
            if await self._patiently(lambda: try_once(self.database, self.subscription, [event])):
                return Outcome.APPLIED
            found = await self._patiently(lambda: holding.hold(self.database, consumer, delivery, event))
            if found is not None:
                return Outcome.HELD if found else Outcome.REPEATED

    async def _park(self, delivery: Delivery, event: Event, error: Exception, attempts: int) -> Outcome:
        consumer = self.subscription.consumer
        parked = await self._patiently(
            lambda: holding.park(self.database, consumer, delivery, event, error=error, attempts=attempts)
        )
        if not parked:
            return Outcome.REPEATED
        self._parked[fingerprint(error)] = asyncio.get_running_loop().time()
        log.error(
            "event parked",
            consumer=consumer,
            event_id=str(event.id),
            type=event.type,
            attempts=attempts,
            error=reason(error),
            frames=frames(error),
        )
        return Outcome.PARKED

    async def _patiently(self, work: Callable[[], Awaitable[Result]]) -> Result:
        return await patiently(f"consumer {self.subscription.consumer}", work, pauses=PAUSES, sleep=self.sleep)

    def _was_just_parked(self, error: Exception) -> bool:
        """Say whether waiting is known to be in vain: a fault that hits every event would stop a partition for hours."""
        parked_at = self._parked.get(fingerprint(error))
        return parked_at is not None and asyncio.get_running_loop().time() - parked_at < WIDESPREAD_SECONDS

    def _warn(self, message: str, event: Event, error: Exception) -> None:
        log.warning(
            message, consumer=self.subscription.consumer, event_id=str(event.id), type=event.type, error=reason(error)
        )


async def apply(database: Database, subscription: Subscription, event: Event) -> Outcome:
    """Apply one event with the tries and the parking that a bus gives it."""
    return await Applier(database, subscription).apply(Delivery(event.service, "call", event.to_bytes(), event))
