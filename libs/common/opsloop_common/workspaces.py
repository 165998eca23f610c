"""Settings of a workspace: made with defaults on first use, set once, the same in every service.

One service decides and numbers them (`OWNER`); each of the others keeps a copy. A change is taken wherever it is asked for: the owner
tells `workspace.changed`, a copy makes it at once and tells `workspace.change_requested`, which the owner answers with
`workspace.changed`. A copy shows what the owner told last, and over it what was changed here and is not answered yet. What one service
has for itself (`allow_self_approval`) changes there alone, and counts in the one version too.

The owner's number names one content everywhere. What a copy shows ahead of it has a name of the copy's own, which no other has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

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
ANSWERED_WITHIN = timedelta(days=1)
"""How long a copy waits for the answer to a change of its own: one that never comes was thrown away by an operator."""


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
        "copy_version": 0,
        "asked": {},
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
    workspace = await resources.lock_for_change(session, Workspace, expected=ANY_VERSION)
    expected.require(*_names(session, workspace))
    with resources.changing(session, workspace, changes) as before:
        changed = list(before)
    if changed and _decides(session):
        _tell(session, WorkspaceChanged, workspace, changed)
    elif changed:
        request = str(_tell(session, WorkspaceChangeRequested, workspace, changed))
        workspace.asked = workspace.asked | dict.fromkeys(changed, request)
        workspace.asked_at = workspace.updated_at
        workspace.copy_version += 1
    return workspace


def name_of(session: AsyncSession, workspace: Workspace) -> int | str:
    """Return the name of what is shown, for `ETag`: the owner's number, or `<service>.<count>` of a copy that is ahead of it."""
    return _names(session, workspace)[0]


def _names(session: AsyncSession, workspace: Workspace) -> tuple[int | str, ...]:
    if _decides(session):
        return (workspace.version,)
    own = f"{work_of(session).grounds.service}.{workspace.copy_version}"
    # the copy's own name stays good when the owner numbers what the copy shows already
    return (own,) if workspace.asked else (workspace.version, own)


def _decides(session: AsyncSession) -> bool:
    return work_of(session).grounds.service == OWNER


def _tell(session: AsyncSession, kind: type[WorkspaceEvent], workspace: Workspace, changed: Sequence[str]) -> UUID:
    shared = {name: getattr(workspace, name) for name in SHARED}
    return outbox.append(
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
    """As a copy, go by what the owner says, but for what was changed here and is not answered yet."""
    told = event.parse(WorkspaceChanged)
    workspace = await lock(session)
    asked = _unanswered(session, workspace, event.causationid)
    settings = {name: getattr(told, name) for name in SHARED if name not in asked}
    if any(getattr(workspace, name) != value for name, value in settings.items()):
        workspace.copy_version += 1
    _become(session, workspace, settings, told.settings_version + len(set(asked.values())))
    workspace.asked = asked


def _unanswered(session: AsyncSession, workspace: Workspace, answered: str | None) -> dict[str, str]:
    """Return what still waits after an answer. Requests are heard in order, so it ends those before it too, and their ids sort so."""
    if workspace.asked_at is None or clock_of(session).now() - workspace.asked_at > ANSWERED_WITHIN:
        return {}
    if answered is None or answered not in workspace.asked.values():
        return workspace.asked
    return {name: request for name, request in workspace.asked.items() if request > answered}


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
