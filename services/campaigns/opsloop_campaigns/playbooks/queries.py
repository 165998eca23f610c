"""Everything that reads playbooks and their runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, any_, bindparam, cast, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_campaigns.approvals.rules import Approval
from opsloop_campaigns.playbooks.models import Playbook, PlaybookRun
from opsloop_common import resources
from opsloop_common.versions import Precondition

NEWEST_FIRST = (Playbook.created_at.desc(), Playbook.id.desc())
NEWEST_RUNS_FIRST = (PlaybookRun.at.desc(), PlaybookRun.id.desc())


@dataclass(frozen=True)
class Listener:
    """The part of an enabled playbook that decides whether an event is for it."""

    id: UUID
    event_type: str
    conditions: list[dict[str, Any]]


@dataclass(frozen=True)
class Earlier:
    """The part of a run that a later event asks about."""

    playbook_id: UUID
    event_id: UUID
    once_key: str
    launched: bool


def playbooks(
    *, enabled: bool | None = None, event_type: str | None = None, approval: Approval | None = None
) -> Select[Playbook]:
    """Return the query of the workspace's playbooks."""
    query = select(Playbook)
    match approval:
        case Approval.NOT_REQUIRED:
            query = query.where(Playbook.requires_approval)
        case Approval.PENDING:
            query = query.where(~Playbook.requires_approval, Playbook.approved_by.is_(None))
        case Approval.APPROVED:
            query = query.where(~Playbook.requires_approval, Playbook.approved_by.is_not(None))
    if enabled is not None:
        query = query.where(Playbook.enabled == enabled)
    if event_type is not None:
        query = query.where(Playbook.event_type == event_type)
    return query


def runs_of(playbook_id: UUID, *, outcomes: Sequence[str] = ()) -> Select[PlaybookRun]:
    """Return the query of a playbook's runs."""
    query = select(PlaybookRun).where(PlaybookRun.playbook_id == playbook_id)
    return query.where(PlaybookRun.outcome.in_(outcomes)) if outcomes else query


async def get_playbook(session: AsyncSession, playbook_id: UUID) -> Playbook:
    """Return a playbook; raises NotFound."""
    return await resources.get(session, Playbook, Playbook.id == playbook_id)


async def lock_playbook(session: AsyncSession, playbook_id: UUID, expected: Precondition) -> Playbook:
    """Lock and return a playbook in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Playbook, Playbook.id == playbook_id, expected=expected)


async def lock_telling(session: AsyncSession, user_ids: Collection[str]) -> list[Playbook]:
    """Lock and return the playbooks that tell one of the people something."""
    listed = Playbook.launch["user_ids"].has_any(cast(list(user_ids), ARRAY(Text)))
    return await resources.lock_all(session, Playbook, listed)


async def lock_playbook_as_asked(session: AsyncSession, playbook_id: UUID, expected: Precondition) -> Playbook:
    """Do as `lock_playbook`, for whoever approves what it does; raises also Conflict, when it has just become something else."""
    return await resources.lock_as_asked(session, Playbook, Playbook.id == playbook_id, expected=expected)


# asked at each batch of events: put together once
_LISTENERS = select(Playbook.id, Playbook.event_type, Playbook.conditions).where(
    Playbook.event_type == any_(bindparam("types", type_=ARRAY(Text))), Playbook.enabled
)


async def listeners(session: AsyncSession, event_types: Collection[str]) -> list[Listener]:
    """Return the enabled playbooks of the workspace that listen to one of these types: one indexed query, mostly empty."""
    rows = await session.execute(_LISTENERS, {"types": list(event_types)})
    return [Listener(*row) for row in rows]


async def find_and_lock(session: AsyncSession, playbook_ids: Collection[UUID]) -> list[Playbook]:
    """Lock those of the playbooks that exist, in the order of their ids so that two batches cannot deadlock."""
    return await resources.lock_all(session, Playbook, Playbook.id.in_(playbook_ids))


async def earlier_runs(
    session: AsyncSession, playbook_ids: Collection[UUID], *, event_ids: Collection[UUID], once_keys: Collection[str]
) -> list[Earlier]:
    """Return what these playbooks made of these very events, and their launches for the same incidents."""
    launched = PlaybookRun.once_key.in_(once_keys) & PlaybookRun.campaign_id.is_not(None)
    rows = await session.execute(
        select(PlaybookRun.playbook_id, PlaybookRun.event_id, PlaybookRun.once_key, PlaybookRun.campaign_id).where(
            PlaybookRun.playbook_id.in_(playbook_ids), or_(PlaybookRun.event_id.in_(event_ids), launched)
        )
    )
    return [Earlier(row.playbook_id, row.event_id, row.once_key, row.campaign_id is not None) for row in rows]
