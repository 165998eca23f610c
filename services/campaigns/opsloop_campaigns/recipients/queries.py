"""What is known about the recipients of a campaign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Select, Text, Uuid, any_, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.recipients.models import Recipient
from opsloop_campaigns.recipients.rules import Count, RecipientOutcome, has_room

BY_USER = (Recipient.user_id.asc(),)


@dataclass(frozen=True)
class Progress:
    """What is still open in a campaign."""

    has_pending: bool
    in_flight: int

    @property
    def is_settled(self) -> bool:
        """Say whether every recipient has an outcome."""
        return not (self.has_pending or self.in_flight)

    @property
    def goes_on(self) -> bool:
        """Say whether somebody waits who may be told now."""
        return self.has_pending and has_room(self.in_flight)


def recipients_of(campaign_id: UUID, *, status: Sequence[RecipientOutcome] = ()) -> Select[Recipient]:
    """Return the query of a campaign's recipients, narrowed to some statuses."""
    query = select(Recipient).where(Recipient.campaign_id == campaign_id)
    return query.where(Recipient.status.in_(status)) if status else query


async def campaigns_of(session: AsyncSession, campaign_ids: Sequence[UUID], user_ids: Sequence[str]) -> Sequence[UUID]:
    """Return in which of the campaigns one of the people is."""
    # by the primary key, a look for each campaign and person: an index by person made every launch slower
    given = (
        Recipient.campaign_id == any_(literal(list(campaign_ids), ARRAY(Uuid))),
        Recipient.user_id == any_(literal(list(user_ids), ARRAY(Text))),
    )
    return (await session.scalars(select(Recipient.campaign_id).where(*given).distinct())).all()


async def counts(session: AsyncSession, campaign_id: UUID) -> list[Count]:
    """Count a campaign's recipients by status, reason and locale, in one snapshot: they add up to everybody."""
    columns = (Recipient.status, Recipient.reason, Recipient.locale)
    rows = await session.execute(
        select(*columns, func.count()).where(Recipient.campaign_id == campaign_id).group_by(*columns).order_by(*columns)
    )
    return [Count(*row) for row in rows]


def _pending_after(campaign_id: UUID, after: str) -> tuple[ColumnElement[bool], ...]:
    return Recipient.campaign_id == campaign_id, Recipient.user_id > after, Recipient.status == RecipientOutcome.PENDING


async def next_pending(session: AsyncSession, campaign_id: UUID, *, after: str, limit: int) -> Sequence[str]:
    """Return the users after `after` who are next to be told; the caller holds the campaign's lock."""
    query = select(Recipient.user_id).where(*_pending_after(campaign_id, after))
    return (await session.scalars(query.order_by(Recipient.user_id).limit(limit))).all()


def _in_flight(campaign_id: UUID) -> Select[int]:
    return select(func.count()).where(
        Recipient.campaign_id == campaign_id, Recipient.status == RecipientOutcome.REQUESTED
    )


async def count_in_flight(session: AsyncSession, campaign_id: UUID) -> int:
    """Count the recipients who were requested and have no outcome yet."""
    return (await session.scalars(_in_flight(campaign_id))).one()


async def progress(session: AsyncSession, campaign_id: UUID, *, after: str) -> Progress:
    """Say whether somebody after `after` waits to be told, and of how many the outcome is still to come."""
    # in the key's order: any one would be looked for from the table's beginning, over all who were told before
    following = select(Recipient.user_id).where(*_pending_after(campaign_id, after))
    pending = following.order_by(Recipient.campaign_id, Recipient.user_id).limit(1).scalar_subquery().is_not(None)
    return Progress(*(await session.execute(select(pending, _in_flight(campaign_id).scalar_subquery()))).one())
