"""Everything that reads personas."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_metrics.personas.models import Persona, PersonaVersion

NEWEST_FIRST = (PersonaVersion.version.desc(),)


async def get_persona(session: AsyncSession, segment_id: UUID) -> Persona:
    """Return the persona of a segment; raises NotFound."""
    return await resources.get(session, Persona, Persona.segment_id == segment_id)


async def lock_persona(session: AsyncSession, segment_id: UUID) -> Persona | None:
    """Lock and return the persona of a segment, None where there is none yet."""
    return await resources.find_for_change(session, Persona, Persona.segment_id == segment_id)


def versions(segment_id: UUID) -> Select[PersonaVersion]:
    """Return the query of all versions of a segment's persona, for `NEWEST_FIRST`."""
    return select(PersonaVersion).where(PersonaVersion.segment_id == segment_id)
