"""Events as tests need them, and their delivery without a bus."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from opsloop_common.contracts.catalogue import PRODUCERS_OF
from opsloop_common.contracts.envelope import Event, EventData
from opsloop_common.db import Context, Database
from opsloop_common.ids import uuid7
from opsloop_common.inbox.apply import try_once
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.outbox.append import event_from


def make_event(
    data: EventData,
    *,
    workspace: str = "acme",
    sequence: int = 1,
    source: str | None = None,
    time: datetime | None = None,
    causationid: str | None = None,
    causationdepth: int = 0,
    causationroot: UUID | None = None,
    id: UUID | None = None,
    actor: str = "system",
) -> Event:
    """Return `data` in an envelope as its producer would send it; `time` defaults to the fake clock's start."""
    context = Context(
        workspace=workspace,
        actor=actor,
        causationid=causationid,
        causationdepth=causationdepth,
        causationroot=None if causationroot is None else str(causationroot),
    )
    return event_from(
        data,
        id=id or uuid7(),
        time=time or datetime(2026, 11, 22, 8, 0, tzinfo=UTC),
        source=source or f"/opsloop/{next(iter(PRODUCERS_OF.get(data.type, ())), 'sample')}",
        context=context,
        sequence=sequence,
    )


async def deliver(database: Database, subscription: Subscription, *events: Event) -> int:
    """Apply events as a bus would, each at most once, but raise what the handler raises instead of trying again and parking.

    A batch handler gets the events of each workspace together. Events of types that the subscription does not want are left
    out, as are those it has applied before. Returns how many were applied.
    """
    wanted = [event for event in events if subscription.wants(event.type)]
    if subscription.batch_handler is None:
        return sum([len(await try_once(database, subscription, [event])) for event in wanted])
    groups: dict[str, list[Event]] = {}
    for event in wanted:
        groups.setdefault(event.workspace, []).append(event)
    return sum([len(await try_once(database, subscription, group)) for group in groups.values()])
