"""Everything that reads personas."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import context_of
from opsloop_metrics.personas.models import ErasedFeedback, Persona, PersonaVersion

NEWEST_FIRST = (PersonaVersion.version.desc(),)
_QUOTING = text(
    "SELECT DISTINCT segment_id FROM persona_version WHERE workspace = :workspace AND EXISTS (SELECT FROM "
    "jsonb_array_elements(quotes) AS quote WHERE quote->>'feedback_id' = ANY(CAST(:feedback_ids AS text[]))) ORDER BY segment_id"
)


async def get_persona(session: AsyncSession, segment_id: UUID) -> Persona:
    """Return the persona of a segment; raises NotFound."""
    return await resources.get(session, Persona, Persona.segment_id == segment_id)


async def lock_persona(session: AsyncSession, segment_id: UUID) -> Persona | None:
    """Lock and return the persona of a segment, None where there is none yet."""
    return await resources.find_for_change(session, Persona, Persona.segment_id == segment_id)


def versions(segment_id: UUID) -> Select[PersonaVersion]:
    """Return the query of all versions of a segment's persona, for `NEWEST_FIRST`."""
    return select(PersonaVersion).where(PersonaVersion.segment_id == segment_id)


async def quoting(session: AsyncSession, feedback_ids: Collection[str]) -> Sequence[UUID]:
    """Return the segments whose persona quotes some posts, or once did, in the order of their ids."""
    given = {"workspace": context_of(session).workspace, "feedback_ids": list(feedback_ids)}
    return (await session.scalars(_QUOTING, given)).all()


async def erased_among(session: AsyncSession, feedback_ids: Collection[UUID]) -> set[UUID]:
    """Return which of some posts were erased."""
    own = ErasedFeedback.workspace == context_of(session).workspace
    wanted = select(ErasedFeedback.feedback_id).where(own, ErasedFeedback.feedback_id.in_(feedback_ids))
    return set(await session.scalars(wanted))
