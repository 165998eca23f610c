"""The HTTP door of learning."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from opsloop_common.http.deps import Db
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_feedback.learning import queries
from opsloop_feedback.learning.models import Correction
from opsloop_feedback.learning.schemas import CorrectionOut, Learnt, TriageModelOut

router = ApiRouter(tags=["triage"])
READ = [allow("feedback:read")]


@router.get("/v1/triage-models", dependencies=READ)
async def list_triage_models(session: Db, page: PageQuery) -> Listing[TriageModelOut]:
    """List what was learnt from corrections, and whether it is believed: one of each field of which there is enough."""
    found = await paginate(session, queries.models(), page, by=queries.BY_FIELD)
    return found.map(TriageModelOut.model_validate)


@router.get("/v1/triage-corrections", dependencies=READ)
async def list_triage_corrections(
    session: Db, page: PageQuery, field: Annotated[Learnt | None, Query()] = None
) -> Listing[CorrectionOut]:
    """List what people corrected, latest first."""
    query = queries.corrections()
    found = await paginate(
        session, query if field is None else query.where(Correction.field == field), page, by=queries.LATEST_FIRST
    )
    return found.map(_out)


def _out(row: Correction) -> CorrectionOut:
    return CorrectionOut(
        feedback_id=row.feedback_id,
        field=row.field,
        said=row.said or None,
        label=row.label or None,
        corrected_by=row.corrected_by,
        corrected_at=row.corrected_at,
    )
