"""Everything that reads campaigns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from opsloop_campaigns.budgets.rules import HeldBy, Launched
from opsloop_campaigns.lifecycle.models import Campaign
from opsloop_campaigns.lifecycle.rules import Status
from opsloop_common import resources
from opsloop_common.columns import comparable_column
from opsloop_common.db import context_of
from opsloop_common.invisible import comparable
from opsloop_common.versions import Precondition

NEWEST_FIRST = (Campaign.created_at.desc(), Campaign.id.desc())
_WITH_AUDIENCE = (undefer(Campaign.user_ids),)


@dataclass(frozen=True)
class Filters:
    """What a list of campaigns is narrowed to; times include their ends."""

    status: Sequence[Status] = ()
    text: str | None = None
    playbook_id: UUID | None = None
    held_by: Sequence[HeldBy] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None


def campaigns(filters: Filters) -> Select[Campaign]:
    """Return the query of the workspace's campaigns."""
    query = select(Campaign)
    if filters.status:
        query = query.where(Campaign.status.in_(filters.status))
    if filters.text is not None:
        name = comparable_column(Campaign.name)
        query = query.where(name.icontains(comparable(filters.text), autoescape=True))
    if filters.playbook_id is not None:
        query = query.where(Campaign.playbook_id == filters.playbook_id)
    if filters.held_by:
        query = query.where(Campaign.held_by.in_(filters.held_by))
    if filters.created_from is not None:
        query = query.where(Campaign.created_at >= filters.created_from)
    if filters.created_to is not None:
        query = query.where(Campaign.created_at <= filters.created_to)
    return query


async def get_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Return a campaign without its list of people; raises NotFound."""
    return await resources.get(session, Campaign, Campaign.id == campaign_id)


async def get_campaign_with_audience(session: AsyncSession, campaign_id: UUID) -> Campaign:
    """Return a campaign with its list of people; raises NotFound."""
    return await resources.get(session, Campaign, Campaign.id == campaign_id, options=_WITH_AUDIENCE)


async def lock_campaign(session: AsyncSession, campaign_id: UUID, expected: Precondition) -> Campaign:
    """Lock and return a campaign with its list of people, in the version expected; raises NotFound, StaleVersion."""
    this = Campaign.id == campaign_id
    return await resources.lock_for_change(session, Campaign, this, expected=expected, options=_WITH_AUDIENCE)


async def lock_campaign_as_asked(session: AsyncSession, campaign_id: UUID, expected: Precondition) -> Campaign:
    """Do as `lock_campaign`, for whoever approves what it says; raises also Conflict, when it has just become something else."""
    this = Campaign.id == campaign_id
    return await resources.lock_as_asked(session, Campaign, this, expected=expected, options=_WITH_AUDIENCE)


async def find_and_lock(session: AsyncSession, campaign_ids: Collection[UUID]) -> list[Campaign]:
    """Lock those of the campaigns that exist, in the order of their ids so that two batches cannot deadlock."""
    return await resources.lock_all(session, Campaign, Campaign.id.in_(campaign_ids))


async def some_ids(session: AsyncSession, after: UUID, *, limit: int) -> Sequence[UUID]:
    """Return the ids of the workspace's campaigns that follow one."""
    own = (Campaign.workspace == context_of(session).workspace, Campaign.id > after)
    return (await session.scalars(select(Campaign.id).where(*own).order_by(Campaign.id).limit(limit))).all()


async def launched_since(session: AsyncSession, after: datetime) -> list[Launched]:
    """Return what the workspace's playbooks launched without a person, by playbook and cause."""
    rows = await session.execute(
        select(Campaign.playbook_id, Campaign.cause_root, func.count(), func.sum(Campaign.audience_size))
        .where(Campaign.unattended, Campaign.created_at > after)
        .group_by(Campaign.playbook_id, Campaign.cause_root)
    )
    return [Launched(playbook_id, root, count, told) for playbook_id, root, count, told in rows if playbook_id]


async def waiting_by_playbook(session: AsyncSession) -> dict[UUID, int]:
    """Count the workspace's campaigns that wait for a person, by the playbook that wanted them."""
    rows = await session.execute(
        select(Campaign.playbook_id, func.count())
        .where(Campaign.status == Status.PENDING_APPROVAL, Campaign.playbook_id.is_not(None))
        .group_by(Campaign.playbook_id)
    )
    return {playbook_id: count for playbook_id, count in rows if playbook_id is not None}


async def lock_waiting(session: AsyncSession, playbook_id: UUID) -> list[Campaign]:
    """Lock the campaigns of a playbook that wait for a person, in the order of their ids."""
    waiting = (Campaign.playbook_id == playbook_id, Campaign.status == Status.PENDING_APPROVAL)
    return await resources.lock_all(session, Campaign, *waiting)
