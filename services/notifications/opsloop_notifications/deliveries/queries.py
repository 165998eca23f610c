"""What is read of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer
from sqlalchemy.orm.attributes import set_committed_value

from opsloop_common import limits
from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.deliveries.models import (
    Delivery,
    DeliveryAttempt,
    DeliveryLine,
    DeliveryQueue,
    DeliveryStatus,
)
from opsloop_notifications.deliveries.rules import TEST_TYPE

NEWEST_FIRST = (Delivery.id.desc(),)
LATEST_FIRST = (Delivery.created_at.desc(), Delivery.id.desc())
LINES_NEWEST_FIRST = (DeliveryLine.id.desc(),)


def deliveries_of(webhook_id: UUID, *, status: str | None = None, event_type: str | None = None) -> Select[Delivery]:
    """Return the statement for one endpoint's deliveries, to be paged."""
    statement = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if status is not None:
        statement = statement.where(Delivery.status == status)
    if event_type is not None:
        statement = statement.where(Delivery.event_type == event_type)
    return statement


async def newest(
    session: AsyncSession, webhook_id: UUID, *, status: str | None, before: UUID | None, limit: int
) -> Sequence[Delivery]:
    """Return up to `limit` of an endpoint's deliveries of a state, newest first, older than one of them."""
    statement = deliveries_of(webhook_id, status=status).where(Delivery.workspace == context_of(session).workspace)
    if before is not None:
        statement = statement.where(Delivery.id < before)
    return (await session.scalars(statement.order_by(*NEWEST_FIRST).limit(limit))).all()


async def newest_by_status(session: AsyncSession, webhook_id: UUID, *, among: int) -> dict[str, int]:
    """Return how many of an endpoint's newest deliveries are in which state."""
    own = deliveries_of(webhook_id).where(Delivery.workspace == context_of(session).workspace)
    page = own.order_by(*NEWEST_FIRST).limit(among).subquery()
    rows = await session.execute(select(page.c.status, func.count()).group_by(page.c.status))
    return dict(rows.all())


@dataclass(frozen=True)
class Filters:
    """Which deliveries of a workspace to list; None is all."""

    webhook_id: UUID | None = None
    event_id: UUID | None = None
    event_type: str | None = None
    status: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None


def deliveries(workspace: str, filters: Filters) -> Select[Delivery]:
    """Return the statement for a workspace's deliveries, to be paged."""
    statement = select(Delivery).where(Delivery.workspace == workspace)
    for column, value in (
        (Delivery.webhook_id, filters.webhook_id),
        (Delivery.event_id, filters.event_id),
        (Delivery.event_type, filters.event_type),
        (Delivery.status, filters.status),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if filters.created_from is not None:
        statement = statement.where(Delivery.created_at >= filters.created_from)
    if filters.created_to is not None:
        statement = statement.where(Delivery.created_at < filters.created_to)
    return statement


async def get_delivery(session: AsyncSession, delivery_id: UUID) -> Delivery:
    """Return one delivery of the session's workspace; raises NotFound."""
    found = await session.scalar(
        select(Delivery).where(Delivery.id == delivery_id, Delivery.workspace == context_of(session).workspace)
    )
    if found is None:
        raise NotFound.of("delivery")
    return found


async def attempts_of(session: AsyncSession, delivery_id: UUID) -> Sequence[DeliveryAttempt]:
    """Return a delivery's attempts, newest first; of the newest with their payloads, which together are many megabytes."""
    own = (DeliveryAttempt.delivery_id == delivery_id, DeliveryAttempt.workspace == context_of(session).workspace)
    latest = DeliveryAttempt.number.desc()
    query = select(DeliveryAttempt).where(*own).order_by(latest).limit(200)
    attempts = (await session.scalars(query.options(defer(DeliveryAttempt.payload, raiseload=True)))).all()
    shown = select(DeliveryAttempt.number, DeliveryAttempt.payload).where(*own).order_by(latest)
    payloads = {row.number: row.payload for row in await session.execute(shown.limit(limits.PAYLOADS_SHOWN))}
    for attempt in attempts:
        set_committed_value(attempt, "payload", payloads.get(attempt.number))
    return attempts


async def deliveries_by_event(
    session: AsyncSession, webhook_id: UUID, event_ids: Sequence[UUID]
) -> dict[UUID, Delivery]:
    """Return an endpoint's deliveries of some events, by event."""
    statement = select(Delivery).where(
        Delivery.webhook_id == webhook_id,
        Delivery.workspace == context_of(session).workspace,
        Delivery.event_id.in_(event_ids),
    )
    return {delivery.event_id: delivery for delivery in await session.scalars(statement)}


async def outlasting(
    session: AsyncSession,
    webhook_id: UUID,
    since: datetime,
    *,
    after: UUID | None,
    limit: int,
    most_attempts: int | None = None,
) -> Sequence[UUID]:
    """Return the ids of an endpoint's failed and cancelled deliveries that hold their document themselves, but tests.

    Those created since a time, past `after`, oldest first; with `most_attempts` those that had no more.
    """
    statement = (
        select(Delivery.id)
        .where(
            Delivery.webhook_id == webhook_id,
            Delivery.workspace == context_of(session).workspace,
            Delivery.status.in_((DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)),
            Delivery.document.is_not(None),
            Delivery.event_type != TEST_TYPE,
            Delivery.created_at >= since,
            Delivery.id > (after or UUID(int=0)),
        )
        .order_by(Delivery.id)
        .limit(limit)
    )
    if most_attempts is not None:
        statement = statement.where(Delivery.attempt_count <= most_attempts)
    return (await session.scalars(statement)).all()


def lines_of_endpoint(workspace: str, webhook_id: UUID, *, is_parked: bool | None) -> Select[DeliveryLine]:
    """Return the statement for an endpoint's lines, those that stand or the others where that is said, to be paged."""
    own = select(DeliveryLine).where(DeliveryLine.workspace == workspace, DeliveryLine.webhook_id == webhook_id)
    return own if is_parked is None else own.where(DeliveryLine.parked_at.is_not(None) == is_parked)


async def is_queued(session: AsyncSession, line: str) -> bool:
    """Say whether a line of the session's workspace has anything, waiting or claimed."""
    queue = DeliveryQueue
    own = select(queue.id).where(queue.workspace == context_of(session).workspace, queue.group_key == line)
    # apart, since the queue has an index of what waits and one of what is claimed
    waits = own.where(queue.owner.is_(None), queue.due_at.is_not(None)).exists()
    is_claimed = own.where(queue.owner.is_not(None)).exists()
    return bool(await session.scalar(select(or_(waits, is_claimed))))
