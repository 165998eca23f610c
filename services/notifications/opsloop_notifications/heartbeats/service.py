"""Use cases of heartbeats: they are heard, and an alert fires when one is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import due, limits, resources
from opsloop_common.db import clock_of
from opsloop_common.errors import Conflict, TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.workspaces import take_place
from opsloop_notifications.alert_rules import service as alert_rules
from opsloop_notifications.alerts.rules import TOO_MANY
from opsloop_notifications.heartbeats import queries, rules
from opsloop_notifications.heartbeats.models import Heartbeat
from opsloop_notifications.heartbeats.rules import HeartbeatState

MISS = "notifications.miss_heartbeat"


def state(heartbeat: Heartbeat, session: AsyncSession) -> HeartbeatState:
    """Return how a heartbeat stands now."""
    now = clock_of(session).now()
    return rules.state_of(heartbeat.beat_at, heartbeat.every, heartbeat.grace, now, enabled=heartbeat.enabled)


async def beat(session: AsyncSession, heartbeat_id: UUID) -> Heartbeat:
    """Hear a heartbeat: its alert ends, and it is late again after its time; raises NotFound, Conflict (409) for a paused one."""
    heartbeat = await queries.lock_heartbeat(session, heartbeat_id, ANY_VERSION)
    if not heartbeat.enabled:
        raise Conflict("The heartbeat is paused.")
    if state(heartbeat, session) is HeartbeatState.MISSED:
        await alert_rules.hear(session, [rules.heard(heartbeat.name, heartbeat.labels)])
    heartbeat.beat_at = clock_of(session).now()
    await _wait(session, heartbeat)
    return heartbeat


async def _wait(session: AsyncSession, heartbeat: Heartbeat) -> None:
    late = rules.late_at(heartbeat.beat_at, heartbeat.every, heartbeat.grace)
    if late is None or not heartbeat.enabled:
        await due.cancel(session, MISS, str(heartbeat.id))
    else:
        await due.schedule(session, MISS, str(heartbeat.id), late, replace=True)


async def miss(session: AsyncSession, heartbeat_id: UUID) -> None:
    """Fire the alert of a heartbeat that is late; one that was heard meanwhile is left alone. Raises TooMany (409): tried again."""
    heartbeat = await queries.find_and_lock(session, heartbeat_id)
    if heartbeat is None or heartbeat.beat_at is None or state(heartbeat, session) is not HeartbeatState.MISSED:
        return
    if await alert_rules.hear(session, [rules.missed(heartbeat.name, heartbeat.labels, heartbeat.beat_at)]):
        raise TooMany(TOO_MANY)


async def create_heartbeat(session: AsyncSession, fields: Mapping[str, Any]) -> Heartbeat:
    """Add a heartbeat, waited for from its first beat on; raises Conflict (409) for a name that is taken, TooMany."""
    await take_place(session, queries.HEARTBEATS, most=limits.HEARTBEATS_PER_WORKSPACE, what="heartbeats")
    if await queries.has_named(session, fields["name"]):
        raise Conflict("There is a heartbeat of this name.")
    return resources.create(session, Heartbeat, **fields)


async def change_heartbeat(
    session: AsyncSession, heartbeat_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Heartbeat:
    """Change a heartbeat: what fired as it was ends; it is waited for as it is now."""
    heartbeat = await queries.lock_heartbeat(session, heartbeat_id, expected)
    ended = rules.heard(heartbeat.name, heartbeat.labels)
    with changing(session, heartbeat, changes) as before:
        if before:
            if heartbeat.enabled and "enabled" in before:
                heartbeat.beat_at = None  # it was not waited for: it begins anew
            await alert_rules.hear(session, [ended])
            await _wait(session, heartbeat)
    return heartbeat


async def delete_heartbeat(session: AsyncSession, heartbeat_id: UUID, *, expected: Precondition) -> None:
    """Throw a heartbeat away; its alert ends."""
    heartbeat = await queries.lock_heartbeat(session, heartbeat_id, expected)
    await alert_rules.hear(session, [rules.heard(heartbeat.name, heartbeat.labels)])
    await due.cancel(session, MISS, str(heartbeat.id))
    await resources.delete(session, heartbeat)
