"""Keep what a workspace calls one thing, and have its posts read again when that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.due.jobs import cancel_unfinished, start_job
from opsloop_common.versions import Precondition
from opsloop_feedback.synonyms import queries
from opsloop_feedback.synonyms.models import SynonymGroup as SynonymGroup
from opsloop_feedback.synonyms.rules import READ_POSTS
from opsloop_feedback.terms.rules import Vocabulary
from opsloop_feedback.terms.rules import vocabulary as compiled


async def create_synonyms(session: AsyncSession, terms: Sequence[str]) -> SynonymGroup:
    """Keep words that mean one thing; raises TooMany."""
    most = limits.SYNONYM_GROUPS_PER_WORKSPACE
    await workspaces.take_place(session, SynonymGroup.__table__, most=most, what="groups of synonyms")
    return resources.create(session, SynonymGroup, terms=list(terms), job_id=await read_posts(session))


async def change_synonyms(
    session: AsyncSession, synonym_id: UUID, changes: Mapping[str, Any], *, expected: Precondition
) -> SynonymGroup:
    """Change a group; raises NotFound, StaleVersion."""
    group = await queries.lock_group(session, synonym_id, expected)
    with resources.changing(session, group, changes) as before:
        if before:
            group.job_id = await read_posts(session)
    return group


async def delete_synonyms(session: AsyncSession, synonym_id: UUID, *, expected: Precondition) -> None:
    """Let words mean what they mean again."""
    await resources.delete(session, await queries.lock_group(session, synonym_id, expected))
    await read_posts(session)


async def read_posts(session: AsyncSession) -> UUID:
    """Begin to read all posts again; returns the job's id. One that is at it goes: it began with other words."""
    await cancel_unfinished(session, READ_POSTS)
    return await start_job(session, READ_POSTS)


async def vocabulary(session: AsyncSession) -> Vocabulary:
    """Return which words mean which term in the workspace."""
    return compiled(await queries.all_terms(session))
