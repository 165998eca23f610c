"""The HTTP door of competitors, series and points."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response
from pydantic import BaseModel
from starlette.requests import Request

from opsloop_common.db import clock_of
from opsloop_common.errors import UnsupportedMediaType
from opsloop_common.http.body import read_bytes
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.files import begin_with
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems
from opsloop_common.http.schemas import ShortText, Slug, Timestamp
from opsloop_common.limits import BODY_BYTES
from opsloop_common.turns import breathing
from opsloop_metrics.competitors import queries, service
from opsloop_metrics.competitors.models import Competitor, CompetitorSeries
from opsloop_metrics.competitors.schemas import (
    ComparedOut,
    ComparisonOut,
    CompetitorIn,
    CompetitorOut,
    CompetitorPatch,
    CompetitorPointOut,
    CompetitorPointsIn,
    CompetitorSeriesIn,
    CompetitorSeriesOut,
    CompetitorSeriesPatch,
    PointsTakenOut,
)
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.series_files import rules as files
from opsloop_metrics.series_files.rules import Point
from opsloop_metrics.shapes import Day, Sheet, sheet_of

router = ApiRouter(tags=["competitors"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]
# the body is read before the transaction begins: it may take a while to come
TAKES = [allow("metrics:write"), body_limit(BODY_BYTES), own_idempotency()]
_FILE = {"schema": {"type": "string", "format": "binary"}}
TABLE: dict[str, Any] = {"requestBody": {"required": True, "content": {"text/csv": _FILE}}}
ONE = "/v1/competitors/{competitor_id}"
SERIES = f"{ONE}/series/{{series_key}}"


def _answer(response: Response, competitor: Competitor) -> CompetitorOut:
    set_etag(response, competitor.version)
    return CompetitorOut.model_validate(competitor)


def _series(response: Response, series: CompetitorSeries) -> CompetitorSeriesOut:
    set_etag(response, series.version)
    return CompetitorSeriesOut.model_validate(series)


def _fields(body: BaseModel, **options: Any) -> dict[str, Any]:
    """Return what was said of a series as the service keeps it."""
    fields = body.model_dump(mode="json", **options)
    if "source" in fields:
        fields["source"] = None if fields["source"] == "manual" else fields["source"]
    if "alert" in fields:
        alert = fields.pop("alert")
        fields["alert_change"] = None if alert is None else alert["change"]
    return fields


@router.post("/v1/competitors", status_code=201, dependencies=WRITE, responses=problems(409))
async def create_competitor(body: CompetitorIn, session: Db, response: Response) -> CompetitorOut:
    """Follow a competitor or a market."""
    competitor = await service.create_competitor(session, body.model_dump())
    set_location(response, f"/v1/competitors/{competitor.id}")
    return _answer(response, competitor)


@router.get("/v1/competitors", dependencies=READ)
async def list_competitors(
    session: Db,
    page: PageQuery,
    text: Annotated[ShortText | None, Query(description="In the name or the notes.")] = None,
) -> Listing[CompetitorOut]:
    """List competitors, newest first."""
    found = await paginate(session, queries.competitors(text=text), page, by=queries.NEWEST_FIRST)
    return found.map(CompetitorOut.model_validate)


@router.get(ONE, dependencies=READ, responses=problems(404))
async def get_competitor(competitor_id: UUID, session: Db, response: Response) -> CompetitorOut:
    """Show a competitor."""
    return _answer(response, await queries.get_competitor(session, competitor_id))


@router.patch(ONE, dependencies=WRITE, responses=problems(404, 412))
async def update_competitor(
    competitor_id: UUID, body: CompetitorPatch, session: Db, expected: IfMatch, response: Response
) -> CompetitorOut:
    """Change a competitor."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_competitor(session, competitor_id, changes, expected=expected))


@router.delete(ONE, status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_competitor(competitor_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a competitor away, with its series and their points."""
    await service.delete_competitor(session, competitor_id, expected=expected)


@router.post(f"{ONE}/series", status_code=201, dependencies=WRITE, responses=problems(404, 409))
async def create_series(
    competitor_id: UUID, body: CompetitorSeriesIn, session: Db, response: Response
) -> CompetitorSeriesOut:
    """Follow a number. One with an address is asked within five minutes, then as often as it says."""
    series = await service.create_series(session, competitor_id, body.key, _fields(body, exclude={"key"}))
    set_location(response, f"/v1/competitors/{competitor_id}/series/{series.key}")
    return _series(response, series)


@router.get(f"{ONE}/series", dependencies=READ, responses=problems(404))
async def list_series(competitor_id: UUID, session: Db, page: PageQuery) -> Listing[CompetitorSeriesOut]:
    """List a competitor's series, the oldest first."""
    await queries.get_competitor(session, competitor_id)
    found = await paginate(session, queries.series_of(competitor_id), page, by=queries.OLDEST_FIRST)
    return found.map(CompetitorSeriesOut.model_validate)


@router.get(SERIES, dependencies=READ, responses=problems(404))
async def get_series(competitor_id: UUID, series_key: Slug, session: Db, response: Response) -> CompetitorSeriesOut:
    """Show a series, and how its latest try to be pulled ended."""
    return _series(response, await queries.get_series(session, competitor_id, series_key))


@router.patch(SERIES, dependencies=WRITE, responses=problems(404, 409, 412))
async def update_series(
    competitor_id: UUID,
    series_key: Slug,
    body: CompetitorSeriesPatch,
    session: Db,
    expected: IfMatch,
    response: Response,
) -> CompetitorSeriesOut:
    """Change a series. Another source is asked within five minutes; the points stay."""
    changes = _fields(body, exclude_unset=True)
    if isinstance(changes.get("source"), dict):
        changes["source"] = _fields(body)["source"]  # with what it leaves out
    found = await service.change_series(session, competitor_id, series_key, changes, expected=expected)
    return _series(response, found)


@router.delete(SERIES, status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_series(competitor_id: UUID, series_key: Slug, session: Db, expected: IfMatch) -> None:
    """Throw a series away with its points."""
    await service.delete_series(session, competitor_id, series_key, expected=expected)


@router.post(f"{SERIES}/points", status_code=201, dependencies=WRITE, responses=problems(404, 409))
async def add_points(
    competitor_id: UUID, series_key: Slug, body: CompetitorPointsIn, session: Db, response: Response
) -> PointsTakenOut:
    """Take 1 to 1,000 points. One for a moment that has one corrects it."""
    now = clock_of(session).now()
    points = [Point(each.at or now, each.value) for each in body.points]
    created, corrected = await service.add_points(session, competitor_id, series_key, points)
    set_location(response, f"/v1/competitors/{competitor_id}/series/{series_key}/points")
    return PointsTakenOut(created=created, corrected=corrected)


@router.post(
    f"{SERIES}/points/import",
    dependencies=TAKES,
    responses=problems(404, 409, 413, 415),
    openapi_extra=TABLE,
)
async def import_points(
    competitor_id: UUID,
    series_key: Slug,
    request: Request,
    at_column: Annotated[ShortText, Query(description="Which column is the time; a day is its midnight.")] = "at",
    value_column: Annotated[ShortText, Query(description="Which column is the number.")] = "value",
) -> PointsTakenOut:
    """Take a CSV of up to 10,000 points, all or, where a row is none (422 says which), nothing."""
    if request.headers.get("content-type", "text/csv").partition(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMediaType("Send text/csv.", headers={"Accept": "text/csv"})
    data = await read_bytes(request, BODY_BYTES)
    session = await begin_with(request, data)
    await queries.get_series(session, competitor_id, series_key)  # before anything is read: a table may be long
    read = partial(files.read_row, value_column=value_column, at_column=at_column, zone=await service.zone(session))
    rows = files.read_table(data, value_column=value_column, at_column=at_column)
    points = files.require_read(await breathing(read, rows))
    created, corrected = await service.add_points(
        session, competitor_id, series_key, points, pointer=lambda place: f"/{place + 1}/{at_column}"
    )
    return PointsTakenOut(created=created, corrected=corrected)


@router.get(
    f"{SERIES}/points",
    dependencies=READ,
    responses=problems(404) | ALSO_CSV,
    response_model=Listing[CompetitorPointOut],
)
async def list_points(
    competitor_id: UUID,
    series_key: Slug,
    session: Db,
    page: PageQuery,
    sheet: Annotated[Sheet, Depends(sheet_of)],
    start: Annotated[Timestamp | None, Query(alias="from")] = None,
    to: Annotated[Timestamp | None, Query()] = None,
) -> Any:
    """List a series' points, the latest first; `from` inclusive, `to` exclusive. With `Accept: text/csv` a page of them as CSV."""
    series = await queries.get_series(session, competitor_id, series_key)
    wanted = queries.points(series.id, start=start, end=to)
    listing = (await paginate(session, wanted, page, by=queries.LATEST_FIRST)).map(CompetitorPointOut.model_validate)
    if not sheet.is_wanted:
        return listing
    headers = {"Next-Cursor": listing.next_cursor} if listing.next_cursor else {}
    rows = [[row["at"], row["value"]] for row in (each.model_dump(mode="json") for each in listing.items)]
    return sheet.answer(["at", "value"], rows, headers)


@router.get(f"{SERIES}/compare", dependencies=READ, responses=problems(404))
async def compare_series(
    competitor_id: UUID,
    series_key: Slug,
    session: Db,
    kpi: Annotated[str, Query(min_length=1, max_length=63, description="The key of ours.")],
    first: Annotated[Day | None, Query(alias="from", description="The first day; left out, 90 days are shown.")] = None,
    to: Annotated[Day | None, Query(description="The last day; left out, today.")] = None,
) -> ComparisonOut:
    """Show a KPI beside a series, day by day, both as 100 on the first day that has both; at most 366 days."""
    series = await queries.get_series(session, competitor_id, series_key)
    days, base, compared = await service.compare(session, series, kpi, first=first, last=to)
    return ComparisonOut(
        kpi=kpi,
        series=series.key,
        base_day=None if base is None else days[base],
        days=[
            ComparedOut(
                day=day,
                ours=each.ours,
                theirs=each.theirs,
                ours_index=each.ours_index,
                theirs_index=each.theirs_index,
            )
            for day, each in zip(days, compared, strict=True)
        ],
    )
