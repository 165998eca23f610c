"""Use cases of merging. One post stands for others, never for one that stands for others itself: no chains, no cycles.

Who changes such a group holds the post that stands for it, and only then others of it; two of these are locked in the order of their
ids. So A into B and B into A take turns, and the second finds that it was too late.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import outbox
from opsloop_common.contracts.feedback import FeedbackMerged, FeedbackUnmerged
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, Invalid, NotFound
from opsloop_feedback.indexing import service as indexing
from opsloop_feedback.items import service as items
from opsloop_feedback.items.service import Feedback
from opsloop_feedback.merging import queries, rules
from opsloop_feedback.merging.models import FeedbackMerge


async def merge_feedback(session: AsyncSession, feedback_id: UUID, into_id: UUID) -> Feedback:
    """Merge a post, and all that it stands for, into another; returns the other.

    Raises Invalid (422) for itself, NotFound, Conflict (409) where one was merged already, TooMany.
    """
    if feedback_id == into_id:
        raise Invalid("/into", "is this feedback itself")
    # seen before it is locked: who waits for a post that stands for others must hold none that another stands for
    source, target = await items.get_feedback(session, feedback_id), await items.get_feedback(session, into_id)
    rules.require_apart(source, target)
    held = await items.lock_some(session, (feedback_id, into_id))
    if len(held) < 2:
        raise NotFound.of(Feedback.NOUN)
    source, target = held[feedback_id], held[into_id]
    rules.require_apart(source, target)
    rules.require_room(await items.count_members(session, (source.id, target.id)) + 1)
    await _join(session, [source], target, is_automatic=False)
    return target


async def _join(session: AsyncSession, sources: Sequence[Feedback], target: Feedback, *, is_automatic: bool) -> None:
    before = {source.id: source.status for source in sources}
    await items.merge(session, sources, target)
    for source in sources:
        session.add(
            FeedbackMerge(
                feedback_id=source.id,
                workspace=source.workspace,
                into_id=target.id,
                status_before=before[source.id],
                is_automatic=is_automatic,
                actor=context_of(session).actor,
                created_at=clock_of(session).now(),
            )
        )
        outbox.append(
            session,
            FeedbackMerged(
                feedback_id=source.id,
                number=source.number,
                into_id=target.id,
                into_number=target.number,
                is_automatic=is_automatic,
                affected_users=target.affected_users,
                author=items.author_of(source),
                source=source.source,
            ),
        )
    if is_automatic:
        await indexing.hide_repeats(session, list(before))
    else:
        await indexing.hide(session, list(before))


async def unmerge_feedback(session: AsyncSession, feedback_id: UUID) -> Feedback:
    """Let a merged post stand for itself again, and for what was merged into it; its status is what it was.

    Raises NotFound, Conflict (409) for one that is not merged.
    """
    seen = await items.get_feedback(session, feedback_id)
    root_id = seen.merged_into_id
    if root_id is None:
        raise Conflict("This feedback is not merged.")
    root = (await items.lock_some(session, [root_id]))[root_id]
    post = (await items.lock_some(session, [feedback_id]))[feedback_id]
    if post.merged_into_id != root_id:
        raise Conflict("This feedback has just been merged otherwise; look at it again.")
    merge = await queries.get_merge(session, feedback_id)
    members = await queries.below(session, feedback_id)
    await session.delete(merge)
    await items.part(session, post, root, members, status=merge.status_before)
    outbox.append(
        session,
        FeedbackUnmerged(
            feedback_id=post.id,
            number=post.number,
            from_id=root.id,
            from_number=root.number,
            affected_users=root.affected_users,
            author=items.author_of(post),
            source=post.source,
        ),
    )
    await indexing.show(session, [post.id])
    return post


async def join_repeats(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Let new posts join what says the same word for word about the same, where that is still at work."""
    repeats = await indexing.repeats_of(session, feedback_ids)
    known = await _with_those_that_stand(session, {id for one in repeats for id in (one.feedback_id, *one.others)})
    joins = rules.joins(repeats, known)
    held = await items.lock_some(session, {id for pair in joins.items() for id in pair})
    for target_id in sorted(set(joins.values())):
        if rules.may_be_joined(held[target_id]):
            room = rules.MERGED_INTO_ONE - await items.count_members(session, [target_id])
            sources = [held[id] for id, into in joins.items() if into == target_id and rules.may_join(held[id])]
            if joining := sources[: max(0, room)]:
                await _join(session, joining, held[target_id], is_automatic=True)


async def _with_those_that_stand(session: AsyncSession, feedback_ids: Collection[UUID]) -> dict[UUID, Feedback]:
    """Return posts, and those that stand for them."""
    known = {one.id: one for one in await items.some_feedback(session, feedback_ids)}
    roots = {one.merged_into_id for one in known.values() if one.merged_into_id is not None} - known.keys()
    return known | {one.id: one for one in await items.some_feedback(session, roots)}
