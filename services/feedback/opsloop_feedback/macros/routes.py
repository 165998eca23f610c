"""The HTTP doors of macros."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.macros import queries, service
from opsloop_feedback.macros.models import Macro
from opsloop_feedback.macros.schemas import MacroIn, MacroOut, MacroPatch
from opsloop_feedback.shapes import FeedbackOut, changes_of

router = ApiRouter(tags=["macros"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, macro: Macro) -> MacroOut:
    set_etag(response, macro.version)
    return MacroOut.model_validate(macro)


@router.post("/v1/macros", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_macro(body: MacroIn, session: Db, response: Response) -> MacroOut:
    """Keep several changes of a feedback that are made as one."""
    macro = await service.create_macro(session, body.model_dump())
    set_location(response, f"/v1/macros/{macro.id}")
    return _answer(response, macro)


@router.get("/v1/macros", dependencies=[READ])
async def list_macros(session: Db, who: Who, page: PageQuery) -> Listing[MacroOut]:
    """List macros, newest first."""
    rows = await paginate(session, queries.macros(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(MacroOut.model_validate)


@router.get("/v1/macros/{macro_id}", dependencies=[READ], responses=problems(404))
async def get_macro(macro_id: UUID, session: Db, response: Response) -> MacroOut:
    """Show a macro."""
    return _answer(response, await queries.get_macro(session, macro_id))


@router.patch("/v1/macros/{macro_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_macro(
    macro_id: UUID, body: MacroPatch, session: Db, expected: IfMatch, response: Response
) -> MacroOut:
    """Change a macro."""
    changes = changes_of(body, mode="python")
    return _answer(response, await service.change_macro(session, macro_id, changes, expected=expected))


@router.delete("/v1/macros/{macro_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_macro(macro_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a macro away."""
    await service.delete_macro(session, macro_id, expected=expected)


@router.post("/v1/feedback/{feedback_id}/macros/{macro_id}", dependencies=[WRITE], responses=problems(404, 409, 412))
async def apply_macro(
    feedback_id: UUID, macro_id: UUID, session: Db, expected: IfMatch, response: Response
) -> FeedbackOut:
    """Do all that a macro says to a feedback, or nothing of it: reply, note, tags, status, team and assignee in one transaction."""
    feedback = await service.apply_macro(session, feedback_id, macro_id, expected=expected)
    set_etag(response, feedback.version)
    return FeedbackOut.model_validate(feedback)
