"""What is read of deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_common.errors import NotFound
from opsloop_notifications.deliveries.models import Delivery, DeliveryAttempt, DeliveryStatus

NEWEST_FIRST = (Delivery.id.desc(),)
LATEST_FIRST = (Delivery.created_at.desc(), Delivery.id.desc())


def deliveries_of(webhook_id: UUID, *, status: str | None = None, event_type: str | None = None) -> Select[Delivery]:
    """Return the statement for one endpoint's deliveries, to be paged."""
    statement = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if status is not None:
        statement = statement.where(Delivery.status == status)
    if event_type is not None:
        statement = statement.where(Delivery.event_type == event_type)
    return statement


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
    """Return a delivery's attempts, newest first."""
    return (
        await session.scalars(
            select(DeliveryAttempt)
            .where(
                DeliveryAttempt.delivery_id == delivery_id,
                DeliveryAttempt.workspace == context_of(session).workspace,
            )
            .order_by(DeliveryAttempt.number.desc())
            .limit(200)
        )
    ).all()


async def unsuccessful_since(
    session: AsyncSession, webhook_id: UUID, since: datetime, *, after: UUID | None, limit: int
) -> Sequence[UUID]:
    """Return the ids of an endpoint's failed and cancelled deliveries created since a time, past `after`, oldest first."""
    statement = (
        select(Delivery.id)
        .where(
            Delivery.webhook_id == webhook_id,
            Delivery.workspace == context_of(session).workspace,
            Delivery.status.in_((DeliveryStatus.FAILED, DeliveryStatus.CANCELLED)),
            Delivery.created_at >= since,
            Delivery.id > (after or UUID(int=0)),
        )
        .order_by(Delivery.id)
        .limit(limit)
    )
    return (await session.scalars(statement)).all()
