"""Everything of CSAT that says SELECT."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Date, Select, Text, Uuid, any_, cast, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.workspaces import WeekStart
from opsloop_feedback.csat.models import CsatResponse, CsatSettings
from opsloop_feedback.csat.rules import SATISFIED

NEWEST_FIRST = (CsatResponse.answered_at.desc(), CsatResponse.id.desc())
BY: Mapping[str, InstrumentedAttribute[Any]] = {
    "team": CsatResponse.team,
    "assignee": CsatResponse.assignee,
    "channel": CsatResponse.channel,
    "severity": CsatResponse.severity,
}
GROUPS = 1_000
"""So many groups a report has: of more, those that most was asked or answered of."""
_DAYS_BEFORE_MONDAY = {"monday": 0, "sunday": 1, "saturday": 2}


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to; all must hold. `answered_to` is not included."""

    score: Collection[int] | None = None
    team: str | None = None
    assignee: str | None = None
    channel: str | None = None
    severity: str | None = None
    feedback_id: UUID | None = None
    answered_from: datetime | None = None
    answered_to: datetime | None = None


def responses(workspace: str, wanted: Wanted) -> Select[CsatResponse]:
    """Return the query of what was answered, to be paged."""
    found = select(CsatResponse).where(CsatResponse.workspace == workspace, CsatResponse.answered_at.is_not(None))
    for name in (*BY, "feedback_id"):
        if (value := getattr(wanted, name)) is not None:
            found = found.where(getattr(CsatResponse, name) == value)
    if wanted.score:
        found = found.where(CsatResponse.score.in_(wanted.score))
    if wanted.answered_from is not None:
        found = found.where(CsatResponse.answered_at >= wanted.answered_from)
    return found if wanted.answered_to is None else found.where(CsatResponse.answered_at < wanted.answered_to)


async def find_settings(session: AsyncSession) -> CsatSettings | None:
    """Return what the workspace has said, or None."""
    return await resources.find(session, CsatSettings)


async def find_response(session: AsyncSession, feedback_id: UUID, resolved_at: datetime) -> CsatResponse | None:
    """Return what is known of one resolution, locked until the transaction ends, or None."""
    return await session.scalar(_of_resolution(feedback_id, resolved_at).with_for_update())


async def look_at_response(session: AsyncSession, feedback_id: UUID, resolved_at: datetime) -> CsatResponse | None:
    """Return what is known of one resolution, or None."""
    return await session.scalar(_of_resolution(feedback_id, resolved_at))


def _of_resolution(feedback_id: UUID, resolved_at: datetime) -> Select[CsatResponse]:
    return select(CsatResponse).where(CsatResponse.feedback_id == feedback_id, CsatResponse.resolved_at == resolved_at)


async def is_asked_since(session: AsyncSession, person: str, since: datetime) -> bool:
    """Say whether somebody was asked since a moment."""
    asked = (CsatResponse.workspace == context_of(session).workspace, CsatResponse.person == person)
    found = select(CsatResponse.id).where(*asked, CsatResponse.asked_at > since).limit(1)
    return await session.scalar(found) is not None


async def count_asked(session: AsyncSession, since: datetime, *, limit: int) -> int:
    """Return how many were asked since a moment; counts no further than `limit`."""
    own = CsatResponse.workspace == context_of(session).workspace
    asked = select(CsatResponse.id).where(own, CsatResponse.asked_at > since).limit(limit).subquery()
    return await session.scalar(select(func.count()).select_from(asked)) or 0


async def asked_among(session: AsyncSession, ids: Collection[UUID]) -> list[UUID]:
    """Return which of some ids are those of questions that were asked, in their order."""
    wanted = CsatResponse.id == any_(literal(list(ids), ARRAY(Uuid)))
    own = CsatResponse.workspace == context_of(session).workspace
    return sorted(await session.scalars(select(CsatResponse.id).where(own, wanted, CsatResponse.asked_at.is_not(None))))


def _group(by: str, at: InstrumentedAttribute[Any], zone: str, week_start: WeekStart) -> ColumnElement[Any]:
    if by != "week":
        return BY[by].expression
    shift = func.make_interval(0, 0, 0, _DAYS_BEFORE_MONDAY[week_start])
    day = func.date_trunc("week", func.timezone(literal(zone), at) + shift) - shift
    return cast(cast(day, Date), Text)


async def answered(
    session: AsyncSession, since: datetime, until: datetime, *, by: str, zone: str, week_start: WeekStart
) -> dict[str | None, tuple[int, int, int]]:
    """Return of each group how many answered in a period, the sum of their scores, and how many are satisfied."""
    group = _group(by, CsatResponse.answered_at, zone, week_start).label("group")
    numbers = (
        func.count(),
        func.sum(CsatResponse.score),
        func.count().filter(CsatResponse.score >= SATISFIED),
    )
    found = select(group, *numbers).where(*_within(session, CsatResponse.answered_at, since, until))
    rows = await session.execute(found.group_by(group).order_by(func.count().desc(), group).limit(GROUPS))
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


async def asked(
    session: AsyncSession, since: datetime, until: datetime, *, by: str, zone: str, week_start: WeekStart
) -> dict[str | None, tuple[int, int]]:
    """Return of each group how many were asked in a period, and how many of them have answered, whenever they did."""
    group = _group(by, CsatResponse.asked_at, zone, week_start).label("group")
    numbers = (func.count(), func.count().filter(CsatResponse.score.is_not(None)))
    within = _within(session, CsatResponse.asked_at, since, until)
    # who never got the question did not leave it unanswered
    got = or_(CsatResponse.failure.is_(None), CsatResponse.sent_at.is_not(None), CsatResponse.score.is_not(None))
    found = select(group, *numbers).where(*within, got)
    rows = await session.execute(found.group_by(group).order_by(func.count().desc(), group).limit(GROUPS))
    return {row[0]: (row[1], row[2]) for row in rows}


def _within(
    session: AsyncSession, at: InstrumentedAttribute[Any], since: datetime, until: datetime
) -> tuple[ColumnElement[bool], ...]:
    return CsatResponse.workspace == context_of(session).workspace, at >= since, at < until
