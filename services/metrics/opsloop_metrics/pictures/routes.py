"""The HTTP door of pictures of KPIs and objectives, and of the numbers beside them."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.canvas import painting
from opsloop_metrics.canvas.answers import PNG, SVG, TABLE, described, kept
from opsloop_metrics.canvas.words import Language, language_of
from opsloop_metrics.insights.periods import Interval
from opsloop_metrics.insights.tables import CSV
from opsloop_metrics.pictures import rules, service
from opsloop_metrics.pictures.rules import Goal, Portrait
from opsloop_metrics.pictures.schemas import Length, PointOut, SeriesOut
from opsloop_metrics.shapes import Sheet, When, sheet_of, within

router = ApiRouter(tags=["pictures"])
READ = [allow("metrics:read")]
SECONDS = 15
"""So long may a picture be kept: it is of a moment."""

Lang = Annotated[Literal["en", "zh"] | None, Query(description="The language; without it the workspace's.")]
From = Annotated[
    When | None,
    Query(alias="from", description="A day or an instant; without it 30 intervals are shown, of months 12."),
]
To = Annotated[When | None, Query(description="A day, which is shown too, or an instant; without it now.")]
By = Annotated[Interval | None, Query(description="Without it the KPI's period.")]


async def _portrait(key: str, session: Db, start: From = None, to: To = None, interval: By = None) -> Portrait:
    with within("/query"):
        return await service.portrait(session, key, interval=interval, start=start, end=to)


async def _goal(objective_id: UUID, session: Db) -> Goal:
    return await service.goal(session, objective_id)


async def _language(session: Db, locale: Lang = None) -> Language:
    return locale or language_of(await service.language(session))


Shown = Annotated[Portrait, Depends(_portrait)]
Aimed = Annotated[Goal, Depends(_goal)]
Spoken = Annotated[Language, Depends(_language)]
Wanted = Annotated[Sheet, Depends(sheet_of)]


def _of_kpi(request: Request, key: str, content: bytes, media_type: str) -> Response:
    query = f"?{request.url.query}" if request.url.query else ""
    return kept(request, content, media_type, numbers=f"/v1/kpis/{key}/series.csv{query}", seconds=SECONDS)


def _of_goal(request: Request, objective_id: UUID, content: bytes, media_type: str) -> Response:
    return kept(request, content, media_type, numbers=f"{objective_id}.csv", seconds=SECONDS)


@router.get("/v1/kpis/{key}.svg", dependencies=READ, responses=described(SVG) | problems(404), response_class=Response)
async def draw_kpi(key: str, request: Request, shown: Shown, language: Spoken) -> Response:
    """Draw a KPI over time beside its target, with its incidents and with annotations."""
    svg = await asyncio.to_thread(rules.draw_kpi, shown, language)
    return _of_kpi(request, key, svg.encode(), SVG)


@router.get(
    "/v1/kpis/{key}.png", dependencies=READ, responses=described(PNG) | problems(404, 503), response_class=Response
)
async def paint_kpi(key: str, request: Request, shown: Shown, language: Spoken) -> Response:
    """Return the drawing in pixels; letters that no font of the server has are left out."""
    svg = await asyncio.to_thread(rules.draw_kpi, shown, language)
    return _of_kpi(request, key, await painting.as_png(svg), PNG)


@router.get("/v1/kpis/{key}/series", dependencies=READ, responses=problems(404))
async def get_kpi_series(
    key: str,
    session: Db,
    start: From = None,
    to: To = None,
    interval: Annotated[
        Length | None,
        Query(
            description="Of the calendar as in the picture, or a duration: up to 1,000 from `from` on; else the KPI's period."
        ),
    ] = None,
) -> SeriesOut:
    """Read a KPI's value over consecutive intervals, of each `from` inclusive, `to` exclusive."""
    with within("/query"):
        kpi, points = await service.series(session, key, interval=interval, start=start, end=to)
    shown = [PointOut(from_=each.start, to=each.end, value=each.value, samples=each.samples) for each in points]
    return SeriesOut(key=kpi.key, unit=kpi.unit, target=kpi.target, points=shown)


@router.get(
    "/v1/kpis/{key}/series.csv",
    dependencies=READ,
    responses=described(TABLE) | problems(404),
    response_class=Response,
)
async def tabulate_kpi(key: str, request: Request, shown: Shown, sheet: Wanted, locale: Lang = None) -> Response:
    """Return the numbers of the drawing as a table, the same in every language."""
    return _of_kpi(request, key, sheet.text(*rules.kpi_table(shown)).encode(), CSV)


@router.get(
    "/v1/objectives/{objective_id}.svg",
    dependencies=READ,
    responses=described(SVG) | problems(404),
    response_class=Response,
)
async def draw_objective(objective_id: UUID, request: Request, aimed: Aimed, language: Spoken) -> Response:
    """Draw how far an objective's key results are (without any: the objectives below it) beside the time that has passed."""
    return _of_goal(request, objective_id, rules.draw_goal(aimed, language).encode(), SVG)


@router.get(
    "/v1/objectives/{objective_id}.png",
    dependencies=READ,
    responses=described(PNG) | problems(404, 503),
    response_class=Response,
)
async def paint_objective(objective_id: UUID, request: Request, aimed: Aimed, language: Spoken) -> Response:
    """Return the drawing in pixels; letters that no font of the server has are left out."""
    return _of_goal(request, objective_id, await painting.as_png(rules.draw_goal(aimed, language)), PNG)


@router.get(
    "/v1/objectives/{objective_id}.csv",
    dependencies=READ,
    responses=described(TABLE) | problems(404),
    response_class=Response,
)
async def tabulate_objective(
    objective_id: UUID, request: Request, aimed: Aimed, sheet: Wanted, locale: Lang = None
) -> Response:
    """Return the numbers of the drawing as a table, the same in every language."""
    return _of_goal(request, objective_id, sheet.text(*rules.goal_table(aimed)).encode(), CSV)
