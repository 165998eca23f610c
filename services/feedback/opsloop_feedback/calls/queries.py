"""Everything that reads calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.versions import Precondition
from opsloop_feedback.calls.models import OPEN, Call

ORDERS: Mapping[bool, Sequence[ColumnElement[Any]]] = {
    False: (Call.started_at.desc(), Call.id.desc()),
    True: (Call.callback_due_at.asc(), Call.id.asc()),
}
"""The newest first; of those who are to be called back the earliest due."""


@dataclass(frozen=True)
class Wanted:
    """What a list is narrowed to; all must hold."""

    is_due: bool = False
    user_id: str | None = None
    assignee: str | None = None
    feedback_id: UUID | None = None


def calls(workspace: str, wanted: Wanted) -> Select[Call]:
    """Return the query of a workspace's calls, to be paged."""
    found = select(Call).where(Call.workspace == workspace)
    for name in ("user_id", "assignee", "feedback_id"):
        if (value := getattr(wanted, name)) is not None:
            found = found.where(getattr(Call, name) == value)
    return found.where(text(OPEN)) if wanted.is_due else found


async def get_call(session: AsyncSession, call_id: UUID) -> Call:
    """Return a call; raises NotFound."""
    return await resources.get(session, Call, Call.id == call_id)


async def find_known(session: AsyncSession, source: str, external_id: str) -> Call | None:
    """Return the call that a source calls so, or None."""
    return await resources.find(session, Call, Call.source == source, Call.external_id == external_id)


async def lock_call(session: AsyncSession, call_id: UUID, expected: Precondition) -> Call:
    """Lock and return a call in the version expected; raises NotFound, StaleVersion."""
    return await resources.lock_for_change(session, Call, Call.id == call_id, expected=expected)
