"""Settings of a workspace, as each service keeps them; made with defaults on first use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit
from opsloop_common.access.tables import workspace as table
from opsloop_common.db import clock_of, context_of

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
WeekStart = Literal["monday", "sunday", "saturday"]


@dataclass(frozen=True)
class Workspace:
    """How one product is operated: its calendar, its language, its rules."""

    name: str
    time_zone: str
    locale: str
    week_start: WeekStart
    allow_self_approval: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone to reckon calendar days in."""
        return ZoneInfo(self.time_zone)


async def get(session: AsyncSession, *, for_update: bool = False) -> Workspace:
    """Return the settings of the session's workspace, made with defaults when nobody has asked before."""
    name = context_of(session).workspace
    query = select(table).where(table.c.name == name)
    if for_update:
        query = query.with_for_update()
    row = (await session.execute(query)).one_or_none()
    if row is None:
        now = clock_of(session).now()
        defaults = {
            "name": name,
            "time_zone": "UTC",
            "locale": "en",
            "week_start": "monday",
            "allow_self_approval": False,
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        await session.execute(insert(table).values(defaults).on_conflict_do_nothing())
        row = (await session.execute(query)).one()
    return Workspace(**row._mapping)


async def change(session: AsyncSession, workspace: Workspace, changes: dict[str, Any]) -> Workspace:
    """Change some settings of a workspace that `get(for_update=True)` locked; nothing happens when nothing differs."""
    before = {name: getattr(workspace, name) for name, value in changes.items() if getattr(workspace, name) != value}
    if not before:
        return workspace
    after = {name: changes[name] for name in before}
    row = (
        await session.execute(
            update(table)
            .where(table.c.name == workspace.name)
            .values(**after, version=workspace.version + 1, updated_at=clock_of(session).now())
            .returning(table)
        )
    ).one()
    audit.record(session, "workspace.updated", f"workspace/{workspace.name}", before=before, after=after)
    return Workspace(**row._mapping)
