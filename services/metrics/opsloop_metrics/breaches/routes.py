"""Breaches: the incidents of all monitors."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query

from opsloop_common.http.deps import Db, Who
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Timestamp
from opsloop_metrics.breaches import queries
from opsloop_metrics.breaches.models import Incident
from opsloop_metrics.breaches.schemas import BreachOut

router = ApiRouter(tags=["breaches"])
READ = allow("metrics:read")


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
) -> Listing[BreachOut]:
    """List incidents, newest first; `from` (inclusive) and `to` (exclusive) filter by when they opened."""
    wanted = queries.incidents(
        who.workspace,
        kpi=kpi,
        open_only=None if state is None else state == "open",
        severity=severity or (),
        opened_from=opened_from,
        opened_to=to,
    )
    return (await paginate(session, wanted, page, by=queries.NEWEST_FIRST)).map(_shape)


@router.get("/v1/breaches/{incident_id}", dependencies=[READ], responses=problems(404))
async def get_breach(incident_id: UUID, session: Db) -> BreachOut:
    """Read an incident."""
    return _shape(await queries.get_incident(session, incident_id))


def _shape(incident: Incident) -> BreachOut:
    kept = {name: getattr(incident, name) for name in BreachOut.model_fields if hasattr(incident, name)}
    state = "open" if incident.ended_at is None else "closed"
    return BreachOut.model_validate(kept | {"incident_id": incident.id, "state": state})
