"""Asking how people fare."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.experiences import rules
from opsloop_metrics.experiences.queries import find_experience
from opsloop_metrics.experiences.schemas import ExperienceIn, ExperienceOut
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import Sheet, sheet_of, tell

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: ExperienceIn) -> rules.Result:
    return await find_experience(session, await body.open_frame(session), body.limit)


INSIGHT = Insight(ExperienceIn, _find, ExperienceOut.model_validate, rules.as_table)


@router.post(
    "/v1/insights/experience", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=ExperienceOut
)
async def ask_experience(body: ExperienceIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Tell web vitals, rage and dead clicks, errors and where they hurt most; with `Accept: text/csv` the friction list."""
    return await tell(INSIGHT, session, body, sheet)
