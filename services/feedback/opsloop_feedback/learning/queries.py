"""Everything of learning that says SELECT."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of
from opsloop_feedback.learning.models import Correction, TriageModel

BY_FIELD = (TriageModel.field.asc(),)
LATEST_FIRST = (Correction.corrected_at.desc(), Correction.feedback_id.desc(), Correction.field.asc())


def corrections() -> Select[Correction]:
    """Return the query of the workspace's corrections."""
    return select(Correction)


def models() -> Select[TriageModel]:
    """Return the query of what was learnt in the workspace, without the words."""
    return select(TriageModel)


async def active_documents(session: AsyncSession) -> Mapping[str, dict[str, Any]]:
    """Return the stored models that are believed, by field."""
    own = (TriageModel.workspace == context_of(session).workspace, TriageModel.active)
    rows = await session.execute(select(TriageModel.field, TriageModel.document).where(*own))
    return {row.field: row.document for row in rows}


async def stamp(session: AsyncSession) -> str:
    """Return what changes whenever a model of the workspace does."""
    own = TriageModel.workspace == context_of(session).workspace
    made = func.string_agg(func.concat(TriageModel.field, TriageModel.version, TriageModel.active), ",")
    return str(await session.scalar(select(made).where(own)))


async def to_learn(session: AsyncSession, *, least: int) -> Mapping[str, datetime]:
    """Return the fields of which there is something new to learn, with the time of their newest correction.

    Of a field with many corrections a tenth more is something new: what is learnt from thousands takes seconds.
    """
    own = Correction.workspace == context_of(session).workspace
    newest, count = func.max(Correction.corrected_at), func.count()
    seen = select(Correction.field, newest.label("newest"), count.label("count")).where(own).group_by(Correction.field)
    found = seen.having(count >= least).subquery()
    model = TriageModel
    query = (
        select(found.c.field, found.c.newest)
        .outerjoin(model, (model.field == found.c.field) & (model.workspace == context_of(session).workspace))
        .where(
            or_(
                model.field.is_(None),
                (found.c.newest > model.trained_at)
                & (func.abs(found.c.count - model.corrections) * 10 >= model.corrections),
            )
        )
    )
    return {row.field: row.newest for row in await session.execute(query)}


async def newest_corrections(session: AsyncSession, field: str, *, limit: int) -> Mapping[UUID, str]:
    """Return what people said of the posts that were corrected last, by post."""
    own = (Correction.workspace == context_of(session).workspace, Correction.field == field)
    query = select(Correction.feedback_id, Correction.label).where(*own).order_by(*LATEST_FIRST).limit(limit)
    return {row.feedback_id: row.label for row in await session.execute(query)}
