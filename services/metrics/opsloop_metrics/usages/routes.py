"""Asking who uses which features."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.shapes import Sheet, sheet_of, tell
from opsloop_metrics.usages import rules, service
from opsloop_metrics.usages.schemas import UsageIn, UsageOut

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: UsageIn) -> Any:
    return await service.answer(session, await body.open_frame(session), body.to_features())


INSIGHT = Insight(UsageIn, _find, UsageOut.model_validate, rules.as_table)


@router.post("/v1/insights/usage", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=UsageOut)
async def ask_usage(body: UsageIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Say which part of the active people uses each feature, how often, and how many they use; with `Accept: text/csv` as a table."""
    return await tell(INSIGHT, session, body, sheet)
