"""The HTTP doors of calls."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import UserId
from opsloop_feedback.calls import queries, service
from opsloop_feedback.calls.models import Call
from opsloop_feedback.calls.queries import Wanted
from opsloop_feedback.calls.schemas import CallIn, CallOut, CallPatch
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["calls"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, call: Call) -> CallOut:
    set_etag(response, call.version)
    return CallOut.model_validate(call)


@router.post(
    "/v1/calls",
    status_code=201,
    dependencies=[WRITE],
    responses={200: {"model": CallOut, "description": "Its source and external_id are known"}},
)
async def create_call(body: CallIn, session: Db, who: Who, response: Response) -> CallOut:
    """Note a call: with whom, how long, what came of it, and until when somebody is to call back."""
    call, is_new = await service.add_call(session, body.model_dump(), source=who.source)
    response.status_code = 201 if is_new else 200
    set_location(response, f"/v1/calls/{call.id}")
    return _answer(response, call)


@router.get("/v1/calls", dependencies=[READ])
async def list_calls(
    session: Db,
    who: Who,
    page: PageQuery,
    is_due: Annotated[bool, Query(description="Only those who are to be called back, the earliest due first.")] = False,
    user_id: UserId | None = None,
    assignee: UserId | None = None,
    feedback_id: UUID | None = None,
) -> Listing[CallOut]:
    """List calls, newest first."""
    wanted = Wanted(is_due, user_id, assignee, feedback_id)
    found = await paginate(session, queries.calls(who.workspace, wanted), page, by=queries.ORDERS[is_due])
    return found.map(CallOut.model_validate)


@router.get("/v1/calls/{call_id}", dependencies=[READ], responses=problems(404))
async def get_call(call_id: UUID, session: Db, response: Response) -> CallOut:
    """Show a call."""
    return _answer(response, await queries.get_call(session, call_id))


@router.patch("/v1/calls/{call_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_call(call_id: UUID, body: CallPatch, session: Db, expected: IfMatch, response: Response) -> CallOut:
    """Say otherwise what came of a call; `called_back_at` says that somebody has called back."""
    changes = changes_of(body, mode="python")
    return _answer(response, await service.change_call(session, call_id, changes, expected=expected))


@router.delete("/v1/calls/{call_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_call(call_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a call away."""
    await service.delete_call(session, call_id, expected=expected)
