"""Everything that reads silences and inhibition rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.alert_silences.models import InhibitionRule, Silence
from opsloop_notifications.alert_silences.rules import SilenceState

NEWEST_FIRST = (Silence.id.desc(),)
NEWEST_RULE_FIRST = (InhibitionRule.id.desc(),)
INHIBITIONS = select(InhibitionRule.id).subquery()


def _is(state: SilenceState, now: datetime) -> ColumnElement[bool]:
    match state:
        case SilenceState.PENDING:
            return Silence.starts_at > now
        case SilenceState.ACTIVE:
            return and_(Silence.starts_at <= now, Silence.ends_at > now)
        case SilenceState.EXPIRED:
            return Silence.ends_at <= now


def silences(workspace: str, *, state: SilenceState | None, now: datetime) -> Select[Silence]:
    """Return the query of a workspace's silences, to be paged."""
    query = select(Silence).where(Silence.workspace == workspace)
    return query.where(_is(state, now)) if state is not None else query


def unexpired(now: datetime) -> Select[UUID]:
    """Return the query of the silences that hold or will, for counting."""
    return select(Silence.id).where(Silence.ends_at > now)


async def active(session: AsyncSession, now: datetime) -> Sequence[Silence]:
    """Return the silences of the session's workspace that hold."""
    query = silences(context_of(session).workspace, state=SilenceState.ACTIVE, now=now)
    return (await session.scalars(query)).all()


async def get_silence(session: AsyncSession, silence_id: UUID) -> Silence:
    """Return a silence; raises NotFound."""
    return await resources.get(session, Silence, Silence.id == silence_id)


async def lock_silence(session: AsyncSession, silence_id: UUID, expected: Precondition) -> Silence:
    """Lock and return a silence in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Silence, Silence.id == silence_id, expected=expected)


def inhibition_rules(workspace: str) -> Select[InhibitionRule]:
    """Return the query of a workspace's inhibition rules, to be paged."""
    return select(InhibitionRule).where(InhibitionRule.workspace == workspace)


async def all_inhibition_rules(session: AsyncSession) -> Sequence[InhibitionRule]:
    """Return all inhibition rules of the session's workspace."""
    return (await session.scalars(inhibition_rules(context_of(session).workspace))).all()


async def get_inhibition_rule(session: AsyncSession, rule_id: UUID) -> InhibitionRule:
    """Return an inhibition rule; raises NotFound."""
    return await resources.get(session, InhibitionRule, InhibitionRule.id == rule_id)


async def lock_inhibition_rule(session: AsyncSession, rule_id: UUID, expected: Precondition) -> InhibitionRule:
    """Lock and return an inhibition rule in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, InhibitionRule, InhibitionRule.id == rule_id, expected=expected)
