"""Everything that reads alerts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, any_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_common.versions import Precondition
from opsloop_notifications.alerts.models import Alert, AlertEntry
from opsloop_notifications.alerts.rules import ENTRIES_SHOWN, AlertStatus
from opsloop_notifications.messages import service as messages

NEWEST_FIRST = (Alert.id.desc(),)
_FIRING = Alert.status == AlertStatus.FIRING


def alerts(
    workspace: str,
    *,
    status: AlertStatus | None,
    is_acknowledged: bool | None,
    severity: Collection[str],
    name: str | None,
    assignee: str | None,
    labels: Mapping[str, str],
) -> Select[Alert]:
    """Return the query of a workspace's alerts that fulfil all that is given, to be paged."""
    query = select(Alert).where(Alert.workspace == workspace)
    if status is not None:
        query = query.where(Alert.status == status)
    if is_acknowledged is not None:
        query = query.where(Alert.acknowledged_at.is_not(None) if is_acknowledged else Alert.acknowledged_at.is_(None))
    if severity:
        query = query.where(Alert.severity.in_(severity))
    if name is not None:
        query = query.where(Alert.name == name)
    if assignee is not None:
        query = query.where(Alert.assignee == assignee)
    return query.where(Alert.labels.contains(dict(labels))) if labels else query


async def get_alert(session: AsyncSession, alert_id: UUID) -> Alert:
    """Return an alert; raises NotFound."""
    return await resources.get(session, Alert, Alert.id == alert_id)


async def lock_alert(session: AsyncSession, alert_id: UUID, expected: Precondition) -> Alert:
    """Lock and return an alert in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Alert, Alert.id == alert_id, expected=expected)


async def find_and_lock(session: AsyncSession, alert_id: UUID) -> Alert | None:
    """Lock and return an alert, None when it is gone."""
    return await resources.find_for_change(session, Alert, Alert.id == alert_id)


async def lock_named(
    session: AsyncSession, fingerprints: Collection[str], incidents: Collection[str] = ()
) -> list[Alert]:
    """Lock alerts by their fingerprints, and those that fire by their incidents; returns them in the order of their ids."""
    # as one parameter: a thousand of them are written into the statement one by one
    named = Alert.fingerprint == any_(literal(sorted(fingerprints), ARRAY(Text)))
    led_to = (Alert.incident == any_(literal(sorted(incidents), ARRAY(Text)))) & _FIRING
    return await resources.lock_all(session, Alert, or_(named, led_to) if incidents else named)


async def count_firing(session: AsyncSession) -> int:
    """Return how many alerts of the session's workspace fire."""
    own = Alert.workspace == context_of(session).workspace
    return (await session.scalars(select(func.count()).select_from(Alert).where(own, _FIRING))).one()


async def firing(session: AsyncSession) -> Sequence[Alert]:
    """Return all alerts of the session's workspace that fire."""
    own = Alert.workspace == context_of(session).workspace
    return (await session.scalars(select(Alert).where(own, _FIRING).order_by(Alert.id))).all()


async def firing_labels(session: AsyncSession, now: datetime) -> dict[str, dict[str, str]]:
    """Return the labels of all alerts of the session's workspace that fire, by fingerprint."""
    is_on = _FIRING & (Alert.ends_at.is_(None) | (Alert.ends_at > now))
    own = Alert.workspace == context_of(session).workspace
    rows = await session.execute(select(Alert.fingerprint, Alert.labels).where(own, is_on))
    return {row.fingerprint: row.labels for row in rows}


async def alerts_by_id(session: AsyncSession, ids: Collection[UUID]) -> Sequence[Alert]:
    """Return alerts of the session's workspace, as they are now, in the order in which they began."""
    query = select(Alert).where(Alert.workspace == context_of(session).workspace, Alert.id.in_(ids))
    found = query.order_by(Alert.starts_at, Alert.fingerprint).execution_options(populate_existing=True)
    return (await session.scalars(found)).all()


async def find_told(session: AsyncSession, message_id: UUID) -> str | None:
    """Return whom a message to one person told, None when that is forgotten."""
    own = messages.notifications_of(context_of(session).workspace, message_id=message_id)
    found = await session.scalar(own.limit(1))
    return None if found is None else found.user_id


async def entries_of(session: AsyncSession, alert_id: UUID) -> Sequence[AlertEntry]:
    """Return the newest steps of an alert, newest first."""
    query = select(AlertEntry).where(
        AlertEntry.alert_id == alert_id, AlertEntry.workspace == context_of(session).workspace
    )
    return (await session.scalars(query.order_by(AlertEntry.id.desc()).limit(ENTRIES_SHOWN))).all()
