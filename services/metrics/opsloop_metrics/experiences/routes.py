"""Asking how people fare."""

from __future__ import annotations

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.experiences import rules
from opsloop_metrics.experiences.queries import find_experience
from opsloop_metrics.experiences.schemas import ExperienceIn, ExperienceOut
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: ExperienceIn) -> rules.Result:
    return await find_experience(session, await body.open_frame(session), body.limit)


async def _answer(session: AsyncSession, body: ExperienceIn) -> Answered:
    found = await _find(session, body)
    return Answered(ExperienceOut.model_validate(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(ExperienceIn, _answer)


@router.post(
    "/v1/insights/experience", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=ExperienceOut
)
async def ask_experience(body: ExperienceIn, session: Db, request: Request) -> Response | ExperienceOut:
    """Tell web vitals, rage and dead clicks, errors and where they hurt most; with `Accept: text/csv` the friction list."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return ExperienceOut.model_validate(found)
