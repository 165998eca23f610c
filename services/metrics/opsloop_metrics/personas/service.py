"""The use case of personas: write one, each change a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import resources
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.personas import queries, rules
from opsloop_metrics.personas.models import Persona, PersonaVersion
from opsloop_metrics.segments import service as segments


async def write_persona(
    session: AsyncSession, segment_id: UUID, written: Mapping[str, Any], *, expected: Precondition
) -> tuple[Persona, bool]:
    """Say what a segment's people are like; returns the persona, and whether it is the first. The same again changes nothing.

    Raises NotFound for a segment that is not there, StaleVersion, TooMany.
    """
    await segments.lock_segment(session, segment_id)  # two first ones at once are a first and a second
    persona = await queries.lock_persona(session, segment_id)
    is_new = persona is None
    if persona is None:
        expected.require_none()
        persona = _first(session, segment_id, written)
        await session.flush()
    else:
        expected.require(persona.version)
        if not rules.differs({name: getattr(persona, name) for name in rules.FIELDS}, written):
            return persona, False
        if persona.version >= rules.MOST_VERSIONS:
            raise TooMany(f"A persona has at most {rules.MOST_VERSIONS:,} versions.")
        with changing(session, persona, written):
            pass
    kept = {"segment_id": segment_id, "version": persona.version, "workspace": persona.workspace}
    by = {"written_at": persona.updated_at, "actor": context_of(session).actor}
    session.add(PersonaVersion(**kept, **written, **by))
    return persona, is_new


def _first(session: AsyncSession, segment_id: UUID, written: Mapping[str, Any]) -> Persona:
    now = clock_of(session).now()
    own = {"workspace": context_of(session).workspace, "version": 1, "created_at": now, "updated_at": now}
    persona = Persona(segment_id=segment_id, **own, **written)
    session.add(persona)
    resources.tell(session, persona, "created", after=persona.audited())
    return persona
