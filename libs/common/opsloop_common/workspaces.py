"""Settings of a workspace: made with defaults on first use, set once, the same in every service.

One service decides and numbers them (`OWNER`); each of the others keeps a copy. A change is taken wherever it is asked for: the owner
tells `workspace.changed`, a copy makes it at once and tells `workspace.change_requested`, which the owner answers with
`workspace.changed`. Copies go by what the owner told last. What one service has for itself (`allow_self_approval`) changes there
alone, and counts in the one version too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import FromClause, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox, resources
from opsloop_common.access.tables import Workspace as Workspace
from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.workspace import WorkspaceChanged, WorkspaceChangeRequested, WorkspaceEvent
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import TooMany
from opsloop_common.inbox.subscription import Subscription
from opsloop_common.versions import ANY_VERSION, Precondition
from opsloop_common.work import work_of

WeekStart = Literal["monday", "sunday", "saturday"]
OWNER = "feedback"
SHARED = ("time_zone", "locale", "week_start")
ANSWERED_WITHIN = timedelta(minutes=1)
"""How long a copy that is ahead of what it is told waits for the answer to its own change, before it goes by what it is told."""


async def get(session: AsyncSession) -> Workspace:
    """Return the settings of the session's workspace, made with defaults when nobody has asked before."""
    found = await resources.find(session, Workspace)
    if found is not None:
        return found
    await _make(session)
    return await resources.get(session, Workspace)


async def lock(session: AsyncSession) -> Workspace:
    """Return what `get` does, locked until the transaction ends: what is counted in a workspace is counted one after the other."""
    found = await resources.find_for_change(session, Workspace)
    if found is not None:
        return found
    await _make(session)
    return await resources.lock_for_change(session, Workspace, expected=ANY_VERSION)


async def _make(session: AsyncSession) -> None:
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
    await session.execute(insert(Workspace).values(defaults).on_conflict_do_nothing())


async def change(session: AsyncSession, changes: Mapping[str, Any], *, expected: Precondition) -> Workspace:
    """Change some settings of the session's workspace, for every service; nothing happens when nothing differs.

    Raises StaleVersion (412).
    """
    await get(session)
    workspace = await resources.lock_for_change(session, Workspace, expected=expected)
    with resources.changing(session, workspace, changes) as before:
        changed = list(before)
    if changed:
        decides = work_of(session).grounds.service == OWNER
        _tell(session, WorkspaceChanged if decides else WorkspaceChangeRequested, workspace, changed)
    return workspace


def _tell(session: AsyncSession, kind: type[WorkspaceEvent], workspace: Workspace, changed: Sequence[str]) -> None:
    shared = {name: getattr(workspace, name) for name in SHARED}
    outbox.append(
        session, kind(name=workspace.name, **shared, settings_version=workspace.version, changed=list(changed))
    )


async def on_change_requested(session: AsyncSession, event: Event) -> None:
    """As the owner, make a change that another service has taken, and tell all; its version is one that nobody has seen."""
    asked = event.parse(WorkspaceChangeRequested)
    workspace = await lock(session)
    number = max(workspace.version + 1, asked.settings_version)
    _become(session, workspace, {name: getattr(asked, name) for name in asked.changed if name in SHARED}, number)
    _tell(session, WorkspaceChanged, workspace, asked.changed)


async def on_changed(session: AsyncSession, event: Event) -> None:
    """As a copy, go by what the owner says, unless a change of our own is on its way to it: what it answers comes later."""
    told = event.parse(WorkspaceChanged)
    workspace = await lock(session)
    waits = clock_of(session).now() - workspace.updated_at < ANSWERED_WITHIN
    if told.settings_version >= workspace.version or not waits:
        _become(session, workspace, {name: getattr(told, name) for name in SHARED}, told.settings_version)


def _become(session: AsyncSession, workspace: Workspace, changes: Mapping[str, Any], version: int) -> None:
    resources.change(session, workspace, changes)
    workspace.version = version
    workspace.updated_at = clock_of(session).now()


def subscription(service: str) -> Subscription:
    """Return how a service hears of changes that were made at another."""
    kind, handler = (
        (WorkspaceChangeRequested, on_change_requested) if service == OWNER else (WorkspaceChanged, on_changed)
    )
    return Subscription(consumer=f"{service}.workspace", types=frozenset({kind.type}), handler=handler)


async def take_place(session: AsyncSession, table: FromClause, *, most: int, what: str) -> Workspace:
    """Make sure that the workspace may have one row more of a table under row-level security; raises TooMany (409).

    Locks and returns the workspace's settings, so that two who ask at the same time are counted one after the other: where each row
    makes every event dearer.
    """
    workspace = await lock(session)
    if (await session.scalars(select(func.count()).select_from(table))).one() >= most:
        raise TooMany(f"a workspace has at most {most} {what}; delete one first")
    return workspace
