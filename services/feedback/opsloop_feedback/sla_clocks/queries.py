"""Everything that reads clocks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from opsloop_common.db import context_of
from opsloop_feedback.sla_clocks.models import SlaClock
from opsloop_feedback.sla_clocks.rules import ClockStatus
from opsloop_feedback.sla_policies.rules import Target

NEWEST_FIRST = (SlaClock.started_at.desc(), SlaClock.id.desc())
_BY: dict[str, InstrumentedAttribute[Any]] = {
    "policy": SlaClock.policy,
    "team": SlaClock.team,
    "severity": SlaClock.severity,
}


def clocks_of(feedback_id: UUID) -> Select[SlaClock]:
    """Return the query of a post's clocks, to be paged."""
    return select(SlaClock).where(SlaClock.feedback_id == feedback_id)


async def lock_open(session: AsyncSession, feedback_id: UUID) -> list[SlaClock]:
    """Lock and return the clocks of a post that have not ended: three at most."""
    query = clocks_of(feedback_id).where(SlaClock.ended_at.is_(None)).order_by(SlaClock.id).with_for_update()
    return list(await session.scalars(query.execution_options(populate_existing=True)))


async def lock_cancelled(session: AsyncSession, feedback_id: UUID, *, since: datetime) -> list[SlaClock]:
    """Lock and return the clocks of a post that ran for a reply and were cancelled since a moment."""
    replies = (Target.FIRST_REPLY, Target.NEXT_REPLY)
    query = clocks_of(feedback_id).where(SlaClock.status == ClockStatus.CANCELLED, SlaClock.ended_at >= since)
    return list(await session.scalars(query.where(SlaClock.target.in_(replies)).with_for_update()))


async def measured(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some posts have clocks, or had some."""
    query = select(SlaClock.feedback_id).where(SlaClock.feedback_id.in_(feedback_ids)).distinct()
    return set(await session.scalars(query))


async def outcomes(session: AsyncSession, since: datetime, until: datetime, by: str) -> Sequence[Row[Any]]:
    """Count the clocks that were met or breached in a period, by target and by one thing more; `until` is no part of it."""
    group = _BY[by]
    met = (SlaClock.status == ClockStatus.MET, SlaClock.ended_at >= since, SlaClock.ended_at < until)
    breached = (SlaClock.status == ClockStatus.BREACHED, SlaClock.breached_at >= since, SlaClock.breached_at < until)
    is_met: ColumnElement[bool] = SlaClock.status == ClockStatus.MET
    middle = func.percentile_cont(0.5).within_group(SlaClock.spent.asc()).filter(is_met)
    query = (
        select(
            group.label("group"),
            SlaClock.target,
            func.count().filter(is_met).label("met"),
            func.count().filter(~is_met).label("breached"),
            middle.label("median"),
        )
        .where(SlaClock.workspace == context_of(session).workspace, or_(_all(met), _all(breached)))
        .group_by(group, SlaClock.target)
        .order_by(group.asc().nulls_last(), SlaClock.target)
    )
    return (await session.execute(query)).all()


def _all(conditions: tuple[ColumnElement[bool], ...]) -> ColumnElement[bool]:
    first, *rest = conditions
    for one in rest:
        first = first & one
    return first
