"""Use cases of bulk changes: tried, asked for, done in portions by a job, cancelled and undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.db import context_of
from opsloop_common.due.jobs import JobRun, cancel_job, start_job
from opsloop_common.errors import Conflict, TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import ANY_VERSION
from opsloop_feedback.bulk_changes import queries, rules
from opsloop_feedback.bulk_changes.models import BulkChange, BulkChangePost
from opsloop_feedback.bulk_changes.rules import BulkOutcome, Decision, Stage
from opsloop_feedback.filters.rules import Filters, read
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback

CHANGE_JOB = "feedback.bulk_change"
UNDO_JOB = "feedback.bulk_undo"
PORTION = 50
SHOWN = 20


@dataclass(frozen=True)
class Preview:
    """What a bulk change would make of the posts that were looked at, and of the first of them in detail."""

    looked_at: int
    is_whole: bool
    would_change: int
    would_stay: int
    refused: dict[str, int]
    sample: Sequence[tuple[Feedback, Decision]]


async def preview(
    session: AsyncSession, filters: Filters, ids: Sequence[UUID] | None, changes: Mapping[str, Any]
) -> Preview:
    """Try a bulk change on the first posts that it is of; nothing is kept. Raises Invalid (422)."""
    rules.require_change(changes)
    most = limits.BULK_PREVIEW_POSTS
    found = await items.numbers_matching(session, filters, ids=ids, limit=most + 1)
    posts = sorted(await items.some_feedback(session, [id for _, id in found[:most]]), key=lambda post: post.number)
    decided = [(post, rules.decide(changes, _seen(post))) for post in posts]
    refused = Counter(each.refusal for _, each in decided if each.refusal is not None)
    would_change = sum(1 for _, each in decided if each.changes)
    return Preview(
        looked_at=len(posts),
        is_whole=len(found) <= most,
        would_change=would_change,
        would_stay=len(posts) - would_change - refused.total(),
        refused=dict(refused),
        sample=[(post, each) for post, each in decided if each.changes or each.refusal][:SHOWN],
    )


def _seen(post: Feedback) -> dict[str, Any]:
    return {name: getattr(post, name) for name in rules.FIELDS}


async def begin(
    session: AsyncSession, filters: Mapping[str, Any], ids: Sequence[UUID] | None, changes: Mapping[str, Any]
) -> BulkChange:
    """Ask for a change of all posts that are there now and that filters or ids name; raises Invalid (422), TooMany (409)."""
    rules.require_change(changes)
    await workspaces.lock(session)  # two who ask at once are counted one after the other
    if await queries.count_unfinished(session) >= limits.BULK_CHANGES_AT_ONCE:
        raise TooMany(f"A workspace has at most {limits.BULK_CHANGES_AT_ONCE} bulk changes under way; wait for one.")
    upto = await items.take_number(session)
    bulk = resources.create(
        session,
        BulkChange,
        filters=dict(filters),
        ids=None if ids is None else list(ids),
        changes=dict(changes),
        stage=Stage.CHANGING,
        upto=upto,
        changed=0,
        refused=0,
        undone=0,
        skipped=0,
    )
    bulk.job_id = await start_job(session, CHANGE_JOB, {"bulk_change_id": str(bulk.id)})
    return bulk


async def cancel(session: AsyncSession, bulk_change_id: UUID) -> BulkChange:
    """Stop a bulk change that is under way; what it changed stays, and may be undone. Raises Conflict (409)."""
    bulk = await queries.lock_bulk_change(session, bulk_change_id)
    if bulk.stage != Stage.CHANGING or bulk.job_id is None:
        raise Conflict(f"The bulk change is {bulk.stage}: there is nothing to cancel.")
    await cancel_job(session, bulk.job_id)
    return resources.change(session, bulk, {"stage": Stage.CANCELLED.value})


async def undo(session: AsyncSession, bulk_change_id: UUID) -> BulkChange:
    """Begin to put back what a bulk change made; once it is under way that changes nothing more. Raises Conflict (409)."""
    bulk = await queries.lock_bulk_change(session, bulk_change_id)
    if bulk.stage in (Stage.UNDOING, Stage.UNDONE):
        return bulk
    if bulk.stage not in rules.UNDOABLE:
        raise Conflict("The bulk change is still under way; it can be undone once it has ended or was cancelled.")
    with changing(session, bulk, {"stage": Stage.UNDOING.value}, action="undone"):
        bulk.job_id = await start_job(session, UNDO_JOB, {"bulk_change_id": str(bulk.id)})
    return bulk


async def change_posts(run: JobRun) -> None:
    """Change a bulk change's posts, a portion in a transaction with how far it is, so that none is changed or told of twice."""
    while await _change_portion(run):
        run.give_way()


async def _change_portion(run: JobRun) -> bool:
    async with run.transaction() as session:
        bulk = await queries.lock_bulk_change(session, UUID(run.payload["bulk_change_id"]))
        filters, after = read(bulk.filters), run.state.get("after", 0)
        found = await items.numbers_matching(session, filters, ids=bulk.ids, after=after, upto=bulk.upto, limit=PORTION)
        if not found:
            resources.change(session, bulk, {"stage": Stage.CHANGED.value})
            return False
        ids = [id for _, id in found]
        posts = await items.lock_several(session, ids)
        # somebody may have changed one before it was held
        still = {id for _, id in await items.numbers_matching(session, filters, ids=ids, limit=PORTION)}
        for post in posts:
            if post.id in still:
                await _change(session, bulk, post)
        await run.progress(run.done + len(found), state={"after": found[-1][0]}, session=session)
    return True


async def _change(session: AsyncSession, bulk: BulkChange, post: Feedback) -> None:
    before = _seen(post)
    decision = rules.decide(bulk.changes, before)
    if decision.refusal is not None:
        bulk.refused += 1
    elif decision.changes:
        await items.change_feedback(session, post.id, decision.changes, expected=ANY_VERSION)
        bulk.changed += 1
    else:
        return
    session.add(
        BulkChangePost(
            bulk_change_id=bulk.id,
            number=post.number,
            workspace=context_of(session).workspace,
            feedback_id=post.id,
            outcome=BulkOutcome.REFUSED if decision.refusal is not None else BulkOutcome.CHANGED,
            before={name: before[name] for name in decision.changes},
            after=decision.changes,
            kept=[],
            reason=decision.refusal,
        )
    )


async def undo_posts(run: JobRun) -> None:
    """Put back what a bulk change made, a portion in a transaction with how far it is; what people changed since stays."""
    while await _undo_portion(run):
        run.give_way()


async def _undo_portion(run: JobRun) -> bool:
    async with run.transaction() as session:
        bulk = await queries.lock_bulk_change(session, UUID(run.payload["bulk_change_id"]))
        made = await queries.changed_posts(session, bulk.id, after=run.state.get("after", 0), limit=PORTION)
        if not made:
            resources.change(session, bulk, {"stage": Stage.UNDONE.value})
            return False
        posts = {post.id: post for post in await items.lock_several(session, [each.feedback_id for each in made])}
        for each in made:
            await _undo(session, bulk, each, posts.get(each.feedback_id))
        await run.progress(run.done + len(made), bulk.changed, state={"after": made[-1].number}, session=session)
    return True


async def _undo(session: AsyncSession, bulk: BulkChange, made: BulkChangePost, post: Feedback | None) -> None:
    if post is None:
        made.outcome, made.kept = BulkOutcome.SKIPPED, list(made.before)
    else:
        back = rules.restored(made.before, made.after, _seen(post))
        if back.changes:
            await items.change_feedback(session, post.id, back.changes, expected=ANY_VERSION, require=rules.anything)
        made.outcome, made.kept = back.outcome, back.kept
    bulk.undone += made.outcome != BulkOutcome.SKIPPED
    bulk.skipped += made.outcome == BulkOutcome.SKIPPED
