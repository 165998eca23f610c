"""Use cases of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Invalid
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_common.workspaces import lock
from opsloop_feedback.calls import queries, rules
from opsloop_feedback.calls.models import Call
from opsloop_feedback.items import service as items


async def add_call(session: AsyncSession, fields: Mapping[str, Any], *, source: str) -> tuple[Call, bool]:
    """Note a call; returns it and whether it is new. Raises Invalid (422)."""
    rules.require_possible({**fields, "called_back_at": None}, clock_of(session).now())
    if fields["external_id"] is not None:
        await lock(session)  # so that of two who tell of one call the second finds it
        known = await queries.find_known(session, source, fields["external_id"])
        if known is not None:
            return known, False
    await _require_feedback(session, fields["feedback_id"])
    return resources.create(session, Call, **fields, source=source, called_back_at=None), True


async def change_call(
    session: AsyncSession, call_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> Call:
    """Say otherwise what came of a call, or that somebody called back; raises Invalid (422)."""
    call = await queries.lock_call(session, call_id, expected)
    await _require_feedback(session, changes.get("feedback_id"))
    with changing(session, call, changes):
        names = ("started_at", "called_back_at", "duration_seconds", "outcome", "callback_due_at")
        rules.require_possible({name: getattr(call, name) for name in names}, clock_of(session).now())
    return call


async def delete_call(session: AsyncSession, call_id: UUID, *, expected: Precondition) -> None:
    """Throw a call away."""
    await resources.delete(session, await queries.lock_call(session, call_id, expected))


async def _require_feedback(session: AsyncSession, feedback_id: UUID | None) -> None:
    if feedback_id is not None and not await items.some_feedback(session, [feedback_id]):
        raise Invalid("/feedback_id", "is no feedback of this workspace")


async def forget_people(session: AsyncSession, user_ids: Sequence[str]) -> None:
    """Take people who were erased, and what they said, out of calls; that there were calls stays."""
    theirs = (Call.workspace == context_of(session).workspace, Call.user_id.in_(user_ids))
    nothing: dict[str, Any] = {"user_id": None, "phone": None, "name": None, "summary": None}
    nothing |= {"version": Call.version + 1, "updated_at": clock_of(session).now()}
    await session.execute(update(Call).where(*theirs).values(nothing).execution_options(synchronize_session=False))
