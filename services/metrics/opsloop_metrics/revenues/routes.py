"""Asking what orders brought."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.insights.tables import ALSO_CSV, CSV, as_csv, prefers_csv
from opsloop_metrics.ports import Answered, Insight
from opsloop_metrics.revenues import rules, service
from opsloop_metrics.revenues.rules import NUMBERS, SOMETIMES, Revenue
from opsloop_metrics.revenues.schemas import RevenueIn, RevenueOut

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


async def _answer(session: AsyncSession, body: RevenueIn) -> Answered:
    found = await _find(session, body)
    return Answered(_told(found).model_dump(mode="json"), *rules.as_table(found))


INSIGHT = Insight(RevenueIn, _answer)


@router.post("/v1/insights/revenue", dependencies=[READ], responses=ALSO_CSV | problems(503), response_model=RevenueOut)
async def ask_revenue(body: RevenueIn, session: Db, request: Request) -> Response | RevenueOut:
    """Add up orders and refunds of one currency by interval, lifetime value by cohort, and invitations; CSV if accepted."""
    found = await _find(session, body)
    if prefers_csv(request.headers.get("accept")):
        return Response(as_csv(*rules.as_table(found)), media_type=CSV)
    return _told(found)
