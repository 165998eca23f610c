"""Use cases of personas: write one, each change a version, and take out what erased people said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits, resources, workspaces
from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import TooMany
from opsloop_common.resources import changing
from opsloop_common.versions import Precondition
from opsloop_metrics.personas import queries, rules
from opsloop_metrics.personas.models import Persona, PersonaVersion
from opsloop_metrics.segments import service as segments

_TAKE_OUT = text(
    "UPDATE persona_version SET quotes = (SELECT coalesce(jsonb_agg(quote ORDER BY place), '[]') "
    "FROM jsonb_array_elements(quotes) WITH ORDINALITY AS said(quote, place) "
    "WHERE quote->>'feedback_id' <> ALL(CAST(:feedback_ids AS text[]))) WHERE segment_id = :segment_id"
)

_BURY = text(
    "INSERT INTO erased_feedback (workspace, feedback_id) SELECT :workspace, unnest(CAST(:feedback_ids AS uuid[])) "
    "ON CONFLICT DO NOTHING"
)


async def write_persona(
    session: AsyncSession, segment_id: UUID, written: Mapping[str, Any], *, expected: Precondition
) -> tuple[Persona, bool]:
    """Say what a segment's people are like; returns the persona, and whether it is the first. The same again changes nothing.

    Raises NotFound for a segment that is not there, Invalid for quotes of posts that were erased, StaleVersion, TooMany.
    """
    if written["quotes"]:
        await workspaces.lock(session)  # what is erased meanwhile waits, and then finds what is written here
    await segments.lock_segment(session, segment_id)  # two first ones at once are a first and a second
    persona = await queries.lock_persona(session, segment_id)
    is_new = persona is None
    if persona is None:
        expected.require_none()
        await _require_not_erased(session, written)
        persona = _first(session, segment_id, written)
        await session.flush()
    else:
        expected.require(persona.version)
        await _require_not_erased(session, written)
        if not rules.differs({name: getattr(persona, name) for name in rules.FIELDS}, written):
            return persona, False
        if persona.version >= limits.PERSONA_VERSIONS:
            raise TooMany(f"A persona has at most {limits.PERSONA_VERSIONS:,} versions.")
        with changing(session, persona, written):
            pass
    _keep(session, persona)
    return persona, is_new


async def _require_not_erased(session: AsyncSession, written: Mapping[str, Any]) -> None:
    quoted = [UUID(quote["feedback_id"]) for quote in written["quotes"]]
    rules.require_not_erased(quoted, await queries.erased_among(session, quoted) if quoted else ())


def _keep(session: AsyncSession, persona: Persona) -> None:
    kept = {name: getattr(persona, name) for name in ("segment_id", "version", "workspace", *rules.FIELDS)}
    session.add(PersonaVersion(**kept, written_at=persona.updated_at, actor=context_of(session).actor))


async def forget_quotes(session: AsyncSession, feedback_ids: Collection[UUID]) -> None:
    """Take what was said in posts out of personas and all their versions, for good; each that loses a quote is a version more."""
    await workspaces.lock(session)
    await session.execute(_BURY, {"workspace": context_of(session).workspace, "feedback_ids": list(feedback_ids)})
    gone = {str(each) for each in feedback_ids}
    for segment_id in await queries.quoting(session, gone):
        persona = await queries.lock_persona(session, segment_id)
        if persona is None:
            continue
        await session.execute(_TAKE_OUT, {"segment_id": segment_id, "feedback_ids": list(gone)})
        with changing(session, persona, {"quotes": rules.without(persona.quotes, gone)}) as before:
            pass
        if before:
            _keep(session, persona)


def _first(session: AsyncSession, segment_id: UUID, written: Mapping[str, Any]) -> Persona:
    now = clock_of(session).now()
    own = {"workspace": context_of(session).workspace, "version": 1, "created_at": now, "updated_at": now}
    persona = Persona(segment_id=segment_id, **own, **written)
    session.add(persona)
    resources.tell(session, persona, "created", after=persona.audited())
    return persona
