"""Breaches: the incidents of all monitors."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Body, Query, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_metrics.breaches import queries, service
from opsloop_metrics.breaches.models import Acknowledgement, Incident
from opsloop_metrics.breaches.schemas import (
    AcknowledgeIn,
    AcknowledgementOut,
    AroundOut,
    BreachDetailOut,
    BreachOut,
    StepOut,
)

router = ApiRouter(tags=["breaches"])
READ = allow("metrics:read")
WRITE = allow("metrics:write")
ACKNOWLEDGE = "/v1/breaches/{incident_id}/acknowledge"


@router.get("/v1/breaches", dependencies=[READ])
async def list_breaches(
    session: Db,
    who: Who,
    page: PageQuery,
    kpi: Annotated[str | None, Query(max_length=63)] = None,
    state: Annotated[Literal["open", "closed"] | None, Query()] = None,
    severity: Annotated[list[Literal["info", "warning", "critical"]] | None, Query(max_length=3)] = None,
    opened_from: Annotated[Timestamp | None, Query(alias="from")] = None,
    to: Annotated[Timestamp | None, Query()] = None,
    acknowledged: Annotated[bool | None, Query()] = None,
) -> Listing[BreachOut]:
    """List incidents, newest first; `from` (inclusive) and `to` (exclusive) filter by when they opened."""
    wanted = queries.incidents(
        who.workspace,
        kpi=kpi,
        open_only=None if state is None else state == "open",
        severity=severity or (),
        opened_from=opened_from,
        opened_to=to,
        acknowledged=acknowledged,
    )
    found = await paginate(session, wanted, page, by=queries.NEWEST_FIRST)
    known = await queries.acknowledgements(session, [incident.id for incident in found.items])
    return found.map(lambda incident: BreachOut.model_validate(_fields(incident, known.get(incident.id))))


@router.get("/v1/breaches/{incident_id}", dependencies=[READ], responses=problems(404))
async def get_breach(incident_id: UUID, session: Db) -> BreachDetailOut:
    """Read an incident: also its moments, what was noted around it, and what explains it."""
    incident = await queries.get_incident(session, incident_id)
    known = await queries.find_acknowledgement(session, incident_id)
    around = [AroundOut.model_validate(each) for each in await service.around(session, incident)]
    timeline = [StepOut.model_validate(step) for step in service.timeline(incident, known)]
    more = {"timeline": timeline, "around": around, "explanation": incident.explanation}
    return BreachDetailOut.model_validate(_fields(incident, known) | more)


@router.post(ACKNOWLEDGE, dependencies=[WRITE], responses=problems(404, 409))
async def acknowledge_breach(
    incident_id: UUID,
    body: Annotated[AcknowledgeIn, Body(default_factory=AcknowledgeIn)],
    session: Db,
    response: Response,
) -> AcknowledgementOut:
    """Say that one looks after an open incident. The same again changes nothing; another person, or another note: 409."""
    return _acknowledged(response, await service.acknowledge(session, incident_id, body.note))


@router.get(ACKNOWLEDGE, dependencies=[READ], responses=problems(404))
async def get_acknowledgement(incident_id: UUID, session: Db, response: Response) -> AcknowledgementOut:
    """Show who looks after an incident."""
    return _acknowledged(response, await queries.get_acknowledgement(session, incident_id))


@router.delete(ACKNOWLEDGE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def withdraw_acknowledgement(incident_id: UUID, session: Db, expected: IfMatch) -> None:
    """Take an acknowledgement back."""
    await service.withdraw_acknowledgement(session, incident_id, expected=expected)


def _acknowledged(response: Response, known: Acknowledgement) -> AcknowledgementOut:
    set_etag(response, known.version)
    return AcknowledgementOut(acknowledged_by=known.acknowledged_by, acknowledged_at=known.created_at, note=known.note)


def _fields(incident: Incident, known: Acknowledgement | None) -> dict[str, Any]:
    kept = {name: getattr(incident, name) for name in BreachOut.model_fields if hasattr(incident, name)}
    return kept | {
        "incident_id": incident.id,
        "state": "open" if incident.ended_at is None else "closed",
        "acknowledged_at": known and known.created_at,
        "acknowledged_by": known and known.acknowledged_by,
    }
