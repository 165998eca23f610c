"""The HTTP door of reminders."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.testing.sample.reminders import queries, service
from opsloop_common.testing.sample.reminders.models import Reminder
from opsloop_common.testing.sample.reminders.rules import ReminderStatus
from opsloop_common.testing.sample.reminders.schemas import ReminderIn, ReminderOut, ReminderPatch

router = ApiRouter(tags=["reminders"])
READ = [allow("sample:read")]
WRITE = [allow("sample:write")]


def _answer(response: Response, reminder: Reminder) -> ReminderOut:
    set_etag(response, reminder.version)
    return ReminderOut.model_validate(reminder)


@router.post("/v1/reminders", status_code=201, dependencies=WRITE)
async def create_reminder(body: ReminderIn, session: Db, response: Response) -> ReminderOut:
    """Have something said again at a time."""
    reminder = await service.create_reminder(session, body.text, body.remind_at)
    set_location(response, f"/v1/reminders/{reminder.id}")
    return _answer(response, reminder)


@router.get("/v1/reminders", dependencies=READ)
async def list_reminders(
    session: Db,
    page: PageQuery,
    status: Annotated[list[ReminderStatus] | None, Query(description="One or several of these.")] = None,
) -> Listing[ReminderOut]:
    """List reminders, newest first."""
    found = await paginate(session, queries.reminders(status=status or ()), page, by=queries.NEWEST_FIRST)
    return found.map(ReminderOut.model_validate)


@router.get("/v1/reminders/{reminder_id}", dependencies=READ, responses=problems(404))
async def get_reminder(reminder_id: UUID, session: Db, response: Response) -> ReminderOut:
    """Show a reminder."""
    return _answer(response, await queries.get_reminder(session, reminder_id))


@router.patch("/v1/reminders/{reminder_id}", dependencies=WRITE, responses=problems(404, 409, 412))
async def update_reminder(
    reminder_id: UUID, body: ReminderPatch, session: Db, expected: IfMatch, response: Response
) -> ReminderOut:
    """Put a reminder off, word it anew, or say that it is done; a status that may not follow answers 409."""
    changes = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_reminder(session, reminder_id, changes, expected=expected))


@router.delete("/v1/reminders/{reminder_id}", status_code=204, dependencies=WRITE, responses=problems(404, 412))
async def delete_reminder(reminder_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a reminder away."""
    await service.delete_reminder(session, reminder_id, expected=expected)
