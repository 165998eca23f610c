"""KPIs and their reported values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import ShortText, Timestamp
from opsloop_metrics.kpis import queries, rules, service
from opsloop_metrics.kpis.models import Kpi
from opsloop_metrics.kpis.rules import Standing, State
from opsloop_metrics.kpis.schemas import KpiIn, KpiOut, KpiPatch, Measure, ValueIn, ValueOut

router = ApiRouter(tags=["kpis"])
READ = allow("metrics:read")
WRITE = allow("metrics:write")

Sort = Literal["name", "-name", "owner", "-owner", "state", "-state", "updated", "-updated"]
From = Annotated[Timestamp | None, Query(alias="from")]
To = Annotated[Timestamp | None, Query()]


@router.post("/v1/kpis", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_kpi(body: KpiIn, session: Db, response: Response) -> KpiOut:
    """Define a KPI, or take one from a template. A key that is taken answers 409."""
    measure = None if body.measure is None else _raw(body.measure)
    fields = _stored(body, exclude={"template", "key", "measure"})
    if body.template is None:
        rules.require_said({"key": body.key, "name": body.name, "measure": measure})
        kpi = await service.create_kpi(session, key=body.key or "", measure=measure or {}, fields=fields)
    else:
        kpi = await service.create_from_template(
            session, body.template, key=body.key, measure=measure, fields=fields, given=body.model_fields_set
        )
    set_location(response, f"/v1/kpis/{kpi.key}")
    return await _answer(session, kpi, response)


@router.get("/v1/kpis", dependencies=[READ])
async def list_kpis(
    session: Db,
    page: PageQuery,
    owner: Annotated[ShortText | None, Query()] = None,
    state: Annotated[list[State] | None, Query(description="One or several of these.")] = None,
    tag: Annotated[ShortText | None, Query()] = None,
    text: Annotated[ShortText | None, Query(description="In the key, the name or the description.")] = None,
    sort: Annotated[Sort | None, Query(description="Without it the newest first.")] = None,
) -> Listing[KpiOut]:
    """List KPIs with how each stands: a board is one request."""
    wanted = queries.kpis(owner=owner, states=state or (), tag=tag, text=text)
    found = await paginate(session, wanted, page, by=queries.ORDERS[sort])
    board = {kpi.id: stands for kpi, stands in zip(found.items, await service.board(session, found.items), strict=True)}
    return found.map(lambda kpi: _shown(kpi, board[kpi.id]))


@router.get("/v1/kpis/{key}", dependencies=[READ], responses=problems(404))
async def get_kpi(key: str, session: Db, response: Response) -> KpiOut:
    """Read a KPI's definition."""
    return await _answer(session, await queries.get_kpi(session, key), response)


@router.patch("/v1/kpis/{key}", dependencies=[WRITE], responses=problems(404, 409, 412))
async def update_kpi(key: str, body: KpiPatch, session: Db, expected: IfMatch, response: Response) -> KpiOut:
    """Change a KPI. Another measure ends open incidents and starts its monitors anew."""
    changes = _stored(body, exclude={"measure"}, exclude_unset=True)
    if "measure" in body.model_fields_set:
        changes["measure"] = _raw(body.measure)
    return await _answer(session, await service.change_kpi(session, key, changes, expected=expected), response)


@router.delete("/v1/kpis/{key}", status_code=204, dependencies=[WRITE], responses=problems(404, 409, 412))
async def delete_kpi(key: str, session: Db, expected: IfMatch) -> None:
    """Delete a KPI with its values and monitors. Open incidents end; breaches stay readable."""
    await service.delete_kpi(session, key, expected=expected)


def _raw(measure: Measure) -> dict[str, Any]:
    return measure.model_dump(mode="json", exclude_unset=True)


def _stored(body: KpiIn | KpiPatch, **which: Any) -> dict[str, Any]:
    """Return fields as they are kept: days and names of periods as texts."""
    return body.model_dump(mode="json", by_alias=True, **which)


async def _answer(session: Db, kpi: Kpi, response: Response) -> KpiOut:
    set_etag(response, kpi.version)
    [stands] = await service.board(session, [kpi])
    return _shown(kpi, stands)


def _shown(kpi: Kpi, stands: Standing) -> KpiOut:
    return KpiOut.model_validate({**vars(kpi), **vars(stands)})


@router.post("/v1/kpis/{key}/values", status_code=201, dependencies=[WRITE], responses=problems(404, 409))
async def report_value(key: str, body: ValueIn, session: Db, response: Response) -> ValueOut:
    """Report a value. One for a moment that has a value already corrects it. A KPI measured from events answers 409."""
    value = await service.report_value(session, key, body.value, body.at)
    set_location(response, f"/v1/kpis/{key}/values")
    return ValueOut.model_validate(value)


@router.get("/v1/kpis/{key}/values", dependencies=[READ], responses=problems(404))
async def list_values(
    key: str, session: Db, page: PageQuery, reported_from: From = None, to: To = None
) -> Listing[ValueOut]:
    """List reported values, the latest first; `from` inclusive, `to` exclusive."""
    kpi = await queries.get_kpi(session, key)
    wanted = queries.values(kpi.id, reported_from=reported_from, reported_to=to)
    found = await paginate(session, wanted, page, by=queries.NEWEST_VALUES_FIRST)
    return found.map(ValueOut.model_validate)
