"""Use cases of drafts. Only whoever writes one meets it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.versions import Precondition
from opsloop_feedback.drafts import queries, rules
from opsloop_feedback.drafts.models import FeedbackDraft
from opsloop_feedback.items import service as items


async def keep_draft(
    session: AsyncSession, feedback_id: UUID, *, kind: str, body: str, expected: Precondition
) -> tuple[FeedbackDraft, bool]:
    """Keep what somebody has written so far; returns it and whether it is new. Raises NotFound, StaleVersion (412), TooMany."""
    await items.lock_feedback(session, feedback_id)  # so that two first ones are a first and a second
    known = await queries.find_and_lock(session, feedback_id)
    if known is not None:
        expected.require(known.version)
        return resources.change(session, known, {"kind": kind, "body": body}), False
    expected.require_none()
    rules.require_place(await queries.count_drafts(session))
    now, context = clock_of(session).now(), context_of(session)
    own = {"workspace": context.workspace, "version": 1, "created_at": now, "updated_at": now}
    draft = FeedbackDraft(feedback_id=feedback_id, actor=context.actor, kind=kind, body=body, **own)
    session.add(draft)
    resources.tell(session, draft, "created", after=draft.audited())
    await session.flush()
    return draft, True


async def delete_draft(session: AsyncSession, feedback_id: UUID, *, expected: Precondition) -> None:
    """Throw one's draft away; raises NotFound, StaleVersion (412)."""
    await resources.delete(session, await queries.lock_draft(session, feedback_id, expected))


async def is_sent(session: AsyncSession, feedback_id: UUID, *, kind: str) -> None:
    """Take away the draft of somebody who has just said something of its kind; one of another kind stays."""
    draft = await queries.find_and_lock(session, feedback_id)
    if draft is not None and draft.kind == kind:
        await resources.delete(session, draft)


async def forget(session: AsyncSession, feedback_ids: Sequence[UUID]) -> None:
    """Throw away what was begun about the posts of people who were erased."""
    own = FeedbackDraft.workspace == context_of(session).workspace
    theirs = delete(FeedbackDraft).where(own, FeedbackDraft.feedback_id.in_(feedback_ids))
    await session.execute(theirs.execution_options(synchronize_session=False))
