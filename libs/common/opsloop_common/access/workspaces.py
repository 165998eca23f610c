"""Settings of a workspace, as each service keeps them; made with defaults on first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.access import audit
from opsloop_common.access.tables import workspace as table
from opsloop_common.db import clock_of, context_of
from opsloop_common.versions import Precondition

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


async def get(session: AsyncSession) -> Workspace:
    """Return the settings of the session's workspace, made with defaults when nobody has asked before."""
    return await _read(session, _own(session))


async def lock(session: AsyncSession) -> Workspace:
    """Return what `get` does, locked until the transaction ends: what is counted in a workspace is counted one after the other."""
    return await _read(session, _own(session).with_for_update())


def _own(session: AsyncSession) -> Select[Any]:
    return select(table).where(table.c.name == context_of(session).workspace)


async def _read(session: AsyncSession, query: Select[Any]) -> Workspace:
    row = (await session.execute(query)).one_or_none()
    if row is None:
        now = clock_of(session).now()
        defaults = {
            "name": context_of(session).workspace,
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


async def change(session: AsyncSession, changes: Mapping[str, Any], *, expected: Precondition) -> Workspace:
    """Change some settings of the session's workspace; nothing happens when nothing differs. Raises StaleVersion."""
    workspace = await lock(session)
    expected.require(workspace.version)
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
