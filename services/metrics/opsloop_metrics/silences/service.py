"""Keep monitors quiet for a time, and say which are.

A monitor that finds its condition true stays pending meanwhile. When it is over, also before its time, it looks at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources, workspaces
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import TooMany
from opsloop_common.limits import MAINTENANCE_WINDOWS_PER_WORKSPACE, REPEATING_WINDOWS_PER_WORKSPACE
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.kpi_periods.rules import TICK
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.monitors import service as monitors
from opsloop_metrics.muting.rules import Maintained, Muted, MutedBy, longest
from opsloop_metrics.silences import queries, rules
from opsloop_metrics.silences.models import MaintenanceWindow, Mute
from opsloop_metrics.silences.rules import Times, WindowState


async def muted(
    session: AsyncSession, key: str, tags: Sequence[str], monitor_ids: Sequence[UUID], /
) -> Mapping[UUID, Muted]:
    """Return which of a KPI's monitors keep quiet now."""
    now, told = clock_of(session).now(), list[tuple[UUID | None, Muted]]()
    for row in await queries.holding(session, key, tags, monitor_ids, now):
        ends = [row.until]
        if row.repeats_on:
            times = Times(row.starts_at, row.until, row.repeats_on, row.last_day)
            ends = [end for _, end in times.touching(now, now + TICK, await zone(session))]
        told += [(row.monitor_id, Muted(end, MutedBy(row.by), row.why)) for end in ends]
    found = {each: longest(silence for of, silence in told if of is None or of == each) for each in monitor_ids}
    return {each: silence for each, silence in found.items() if silence is not None}


async def maintained(
    session: AsyncSession, key: str, tags: Sequence[str], start: datetime, end: datetime, /
) -> Sequence[Maintained]:
    """Return the times of a KPI's maintenance windows that touch `[start, end)`."""
    own = await zone(session)
    return [
        Maintained(*time, recurs=bool(window.repeats_on))
        for window in await queries.planned(session, key, tags, start, end)
        for time in times_of(window).touching(start, end, own)
    ]


async def zone(session: AsyncSession) -> str:
    """Return the zone by whose clock windows repeat: the workspace's."""
    return (await workspaces.get(session)).time_zone


def times_of(window: MaintenanceWindow) -> Times:
    """Return when a window lasts."""
    return Times(window.starts_at, window.ends_at, window.repeats_on, window.last_day)


async def repeating(session: AsyncSession, states: Collection[WindowState]) -> list[UUID]:
    """Return which of the windows that repeat lie so now."""
    now, own = clock_of(session).now(), await zone(session)
    return [each.id for each in await queries.repeating(session) if times_of(each).state(now, own) in states]


async def mute(
    session: AsyncSession, key: str, monitor_id: UUID, until: datetime, reason: str | None, *, expected: Precondition
) -> tuple[Mute, bool]:
    """Mute a monitor, or change until when; returns the mute, and whether it is the first. Raises NotFound, StaleVersion, Invalid."""
    kpi = await kpis.lock(session, key)  # two first ones at once are a first and a second, and no look falls between
    await monitors.get_monitor(session, kpi.kpi_id, monitor_id)
    known = await queries.find_mute(session, monitor_id)
    wanted = {"until": until, "reason": reason}
    if known is None:
        expected.require_none()
    else:
        expected.require(known.version)
        if all(getattr(known, name) == value for name, value in wanted.items()):
            return known, False
    now, actor = clock_of(session).now(), context_of(session).actor
    rules.require_ahead(until, now)
    await monitors.look_soon(session, [monitor_id])
    if known is not None:
        return resources.change(session, known, wanted | {"muted_by": actor}), False
    own = {"workspace": context_of(session).workspace, "version": 1, "created_at": now, "updated_at": now}
    made = Mute(monitor_id=monitor_id, muted_by=actor, **own, **wanted)
    session.add(made)
    resources.tell(session, made, "created", after=made.audited())
    await session.flush()
    return made, True


async def unmute(session: AsyncSession, key: str, monitor_id: UUID, *, expected: Precondition) -> None:
    """End a mute; the monitor looks at once. Raises NotFound, StaleVersion."""
    kpi = await kpis.lock(session, key)
    await monitors.get_monitor(session, kpi.kpi_id, monitor_id)
    await resources.delete(session, await queries.lock_mute(session, monitor_id, expected))
    await monitors.look_soon(session, [monitor_id])


async def get_mute(session: AsyncSession, key: str, monitor_id: UUID) -> Mute:
    """Return the mute of a KPI's monitor; raises NotFound."""
    kpi = await kpis.get(session, key)
    await monitors.get_monitor(session, kpi.kpi_id, monitor_id)
    return await queries.get_mute(session, monitor_id)


async def create_window(session: AsyncSession, fields: Mapping[str, Any]) -> MaintenanceWindow:
    """Plan a maintenance window; raises Invalid, TooMany."""
    times = Times(*(fields[name] for name in ("starts_at", "ends_at", "repeats_on", "last_day")))
    rules.require_times(times, await zone(session))
    most = MAINTENANCE_WINDOWS_PER_WORKSPACE
    await workspaces.take_place(session, MaintenanceWindow.__table__, most=most, what="maintenance windows")
    if times.repeats_on:
        await _require_place(session)
    await _require_known(session, fields)
    return resources.create(session, MaintenanceWindow, **fields)


async def _require_place(session: AsyncSession) -> None:
    """Raise TooMany where one more that repeats would be too many. The caller holds the lock of the workspace's settings."""
    if len(await queries.repeating(session)) >= REPEATING_WINDOWS_PER_WORKSPACE:
        raise TooMany(
            f"{REPEATING_WINDOWS_PER_WORKSPACE} maintenance windows that repeat are the most; delete one first"
        )


async def change_window(
    session: AsyncSession, window_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> MaintenanceWindow:
    """Change a maintenance window; monitors that wait look at once. Raises NotFound, StaleVersion, Invalid."""
    if changes.get("repeats_on"):
        await workspaces.lock(session)
    window = await queries.lock_window(session, window_id, expected)
    if changes.get("repeats_on") and not window.repeats_on:
        await _require_place(session)
    own = await zone(session)
    with changing(session, window, changes) as before:
        rules.require_times(times_of(window), own)
        await _require_known(session, {name: changes[name] for name in before})
        if before:
            await monitors.look_soon(session)
    return window


async def delete_window(session: AsyncSession, window_id: UUID, *, expected: Precondition) -> None:
    """Call a maintenance window off; monitors that wait look at once."""
    await resources.delete(session, await queries.lock_window(session, window_id, expected))
    await monitors.look_soon(session)


async def _require_known(session: AsyncSession, fields: Mapping[str, Any]) -> None:
    keys = fields.get("kpis") or []
    if keys:
        rules.require_known(keys, await kpis.known_keys(session, keys))
