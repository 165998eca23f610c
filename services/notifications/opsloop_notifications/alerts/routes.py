"""The HTTP door of alerts."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Body, Query, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import GivenId, ShortText
from opsloop_notifications.alerts import queries, service
from opsloop_notifications.alerts.models import Alert
from opsloop_notifications.alerts.rules import AlertStatus
from opsloop_notifications.alerts.schemas import (
    AlertEntryOut,
    AlertNote,
    AlertOut,
    AlertWithLogOut,
    AssignIn,
    LabelFilter,
    NoteIn,
)

router = ApiRouter(tags=["alerts"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
CHANGE = problems(404, 409, 412)
Note = Annotated[AlertNote, Body(default_factory=AlertNote)]


def _answer(response: Response, alert: Alert) -> AlertOut:
    set_etag(response, alert.version)
    return AlertOut.model_validate(alert)


@router.get("/v1/alerts", dependencies=[READ])
async def list_alerts(
    session: Db,
    who: Who,
    page: PageQuery,
    status: Annotated[AlertStatus | None, Query()] = None,
    acknowledged: Annotated[bool | None, Query()] = None,
    severity: Annotated[list[ShortText] | None, Query(max_length=20, description="One or several of these.")] = None,
    name: Annotated[ShortText | None, Query(description="Their label `alertname`.")] = None,
    assignee: Annotated[GivenId | None, Query()] = None,
    label: Annotated[
        list[LabelFilter] | None, Query(max_length=20, description="`name=value`; several must all be there.")
    ] = None,
) -> Listing[AlertOut]:
    """List alerts, those that fired first most lately first."""
    query = queries.alerts(
        who.workspace,
        status=status,
        is_acknowledged=acknowledged,
        severity=severity or (),
        name=name,
        assignee=assignee,
        labels=dict(each.split("=", 1) for each in label or ()),
    )
    rows = await paginate(session, query, page, by=queries.NEWEST_FIRST)
    return rows.map(AlertOut.model_validate)


@router.get("/v1/alerts/{alert_id}", dependencies=[READ], responses=problems(404))
async def get_alert(alert_id: UUID, session: Db, response: Response) -> AlertWithLogOut:
    """Show an alert with its log: who fired, acknowledged, assigned, was told and ended it, and when."""
    alert = await queries.get_alert(session, alert_id)
    entries = await queries.entries_of(session, alert_id)
    set_etag(response, alert.version)
    log = [AlertEntryOut.model_validate(entry) for entry in entries]
    return AlertWithLogOut(**AlertOut.model_validate(alert).model_dump(), log=log)


@router.post("/v1/alerts/{alert_id}/acknowledge", dependencies=[WRITE], responses=CHANGE)
async def acknowledge_alert(alert_id: UUID, body: Note, session: Db, expected: IfMatch, response: Response) -> AlertOut:
    """Say that you see to it. Receivers are still told of it as their routes say; it ends when it is resolved."""
    return _answer(response, await service.acknowledge(session, alert_id, note=body.note, expected=expected))


@router.post("/v1/alerts/{alert_id}/unacknowledge", dependencies=[WRITE], responses=CHANGE)
async def unacknowledge_alert(
    alert_id: UUID, body: Note, session: Db, expected: IfMatch, response: Response
) -> AlertOut:
    """Say that nobody sees to it any more."""
    return _answer(response, await service.unacknowledge(session, alert_id, note=body.note, expected=expected))


@router.post("/v1/alerts/{alert_id}/resolve", dependencies=[WRITE], responses=CHANGE)
async def resolve_alert(alert_id: UUID, body: Note, session: Db, expected: IfMatch, response: Response) -> AlertOut:
    """End it. It fires again when its source says so again."""
    return _answer(response, await service.resolve(session, alert_id, note=body.note, expected=expected))


@router.post("/v1/alerts/{alert_id}/assign", dependencies=[WRITE], responses=problems(404, 412))
async def assign_alert(alert_id: UUID, body: AssignIn, session: Db, expected: IfMatch, response: Response) -> AlertOut:
    """Give it to somebody, or with null to nobody."""
    return _answer(response, await service.assign(session, alert_id, body.assignee, expected=expected))


@router.post("/v1/alerts/{alert_id}/notes", status_code=201, dependencies=[WRITE], responses=problems(404))
async def add_alert_note(alert_id: UUID, body: NoteIn, session: Db, response: Response) -> AlertEntryOut:
    """Write something into its log."""
    entry = await service.note(session, alert_id, body.note)
    set_location(response, f"/v1/alerts/{alert_id}")
    return AlertEntryOut.model_validate(entry)
