"""Asking what orders brought."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.ports import Insight
from opsloop_metrics.revenues import rules, service
from opsloop_metrics.revenues.rules import NUMBERS, SOMETIMES, Revenue
from opsloop_metrics.revenues.schemas import RevenueIn, RevenueOut
from opsloop_metrics.shapes import Sheet, sheet_of, tell

router = ApiRouter(tags=["insights"])
READ = allow("metrics:read")


async def _find(session: AsyncSession, body: RevenueIn) -> Revenue:
    return await service.answer(session, await body.open_frame(session), body.to_asked())


def _told(found: Revenue) -> RevenueOut:
    columns: dict[str, Any] = {name: found.column(name) for name in (*NUMBERS, *SOMETIMES)}
    return RevenueOut.model_validate(
        columns
        | {
            "currency": found.currency,
            "currency_digits": found.currency_digits,
            "intervals": found.intervals,
            "totals": found.totals,
            "lifetime": {"interval": found.interval, "cohorts": found.cohorts},
            "k_factor": found.k_factor,
            "incomplete_from": found.incomplete_from,
        }
    )


INSIGHT = Insight(RevenueIn, _find, _told, rules.as_table)


@router.post("/v1/insights/revenue", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=RevenueOut)
async def ask_revenue(body: RevenueIn, session: Db, sheet: Annotated[Sheet, Depends(sheet_of)]) -> Any:
    """Add up orders and refunds of one currency by interval, lifetime value by cohort, and invitations; CSV if accepted."""
    return await tell(INSIGHT, session, body, sheet)
