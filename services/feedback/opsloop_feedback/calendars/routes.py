"""The HTTP doors of calendars."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import AfterValidator

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import Duration, Timestamp
from opsloop_feedback.calendars import queries, service
from opsloop_feedback.calendars.models import WorkingCalendar
from opsloop_feedback.calendars.schemas import CalendarIn, CalendarOut, CalendarPatch, DueOut
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["calendars"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _short(value: timedelta) -> timedelta:
    if not timedelta() < value <= timedelta(days=366):
        raise ValueError("must be longer than nothing and at most P366D")
    return value


Working = Annotated[Duration, AfterValidator(_short), Query(description="So much working time, such as PT1H.")]


def _answer(response: Response, calendar: WorkingCalendar) -> CalendarOut:
    set_etag(response, calendar.version)
    return CalendarOut.model_validate(calendar)


@router.post("/v1/calendars", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_calendar(body: CalendarIn, session: Db, response: Response) -> CalendarOut:
    """Say when is worked, for teams and service levels."""
    calendar = await service.create_calendar(session, body.model_dump(mode="json"))
    set_location(response, f"/v1/calendars/{calendar.id}")
    return _answer(response, calendar)


@router.get("/v1/calendars", dependencies=[READ])
async def list_calendars(session: Db, who: Who, page: PageQuery) -> Listing[CalendarOut]:
    """List calendars, newest first."""
    rows = await paginate(session, queries.calendars(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(CalendarOut.model_validate)


@router.get("/v1/calendars/{calendar_id}", dependencies=[READ], responses=problems(404))
async def get_calendar(calendar_id: UUID, session: Db, response: Response) -> CalendarOut:
    """Show a calendar."""
    return _answer(response, await queries.get_calendar(session, calendar_id))


@router.patch("/v1/calendars/{calendar_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_calendar(
    calendar_id: UUID, body: CalendarPatch, session: Db, expected: IfMatch, response: Response
) -> CalendarOut:
    """Change a calendar, or import its holidays and make-up workdays: `days` replaces all of them. Times worked out before stay."""
    calendar = await service.change_calendar(session, calendar_id, changes_of(body), expected=expected)
    return _answer(response, calendar)


@router.delete("/v1/calendars/{calendar_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 409, 412))
async def delete_calendar(calendar_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a calendar away that nobody goes by."""
    await service.delete_calendar(session, calendar_id, expected=expected)


@router.get("/v1/calendars/{calendar_id}/due-time", dependencies=[READ], responses=problems(404))
async def show_due_time(calendar_id: UUID, session: Db, start: Timestamp, working: Working) -> DueOut:
    """Work out when so much working time will have passed since a moment."""
    due_at, is_open = await service.due_after(session, calendar_id, start, working)
    return DueOut(start=start, working=working, due_at=due_at, is_open=is_open)
