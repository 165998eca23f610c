"""HTTP doors of segments."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Response
from starlette.requests import Request

from opsloop_common.clock import rfc3339
from opsloop_common.http.deps import Db, IfMatch, set_etag, set_location
from opsloop_common.http.paging import Listing, LongPageQuery, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import ShortText, Timestamp
from opsloop_metrics.hints import service as hints
from opsloop_metrics.insights.tables import ALSO_CSV
from opsloop_metrics.segments import queries, service
from opsloop_metrics.segments.models import Segment
from opsloop_metrics.segments.rules import SegmentKind
from opsloop_metrics.segments.schemas import (
    MemberOut,
    MembersChangedOut,
    MembersIn,
    PreviewIn,
    PreviewOut,
    RefreshOut,
    SegmentIn,
    SegmentMadeOut,
    SegmentOut,
    SegmentPatch,
)
from opsloop_metrics.shapes import Sheet, sheet_of

router = ApiRouter(tags=["segments"])
READ = [allow("metrics:read")]
WRITE = [allow("metrics:write")]


def _answer(response: Response, segment: Segment) -> SegmentOut:
    set_etag(response, segment.version)
    return SegmentOut.model_validate(segment)


@router.post("/v1/segments", status_code=201, dependencies=WRITE, responses=problems(409))
async def create_segment(body: SegmentIn, session: Db, response: Response) -> SegmentMadeOut:
    """Describe a segment, which a job begins to fill, or make an empty list. `warnings` name what nothing is called."""
    definition = None if body.definition is None else body.definition.kept()
    warnings = await hints.warnings(session, definition)
    segment = await service.create_segment(
        session,
        name=body.name,
        description=body.description,
        kind=body.kind,
        definition=definition,
    )
    set_location(response, f"/v1/segments/{segment.id}")
    return SegmentMadeOut.model_validate(vars(_answer(response, segment)) | {"warnings": warnings})


@router.get("/v1/segments", dependencies=READ)
async def list_segments(
    session: Db,
    page: PageQuery,
    kind: Annotated[SegmentKind | None, Query(description="Only those of a kind.")] = None,
    text: Annotated[ShortText | None, Query(description="In the name or the description.")] = None,
) -> Listing[SegmentOut]:
    """List segments, newest first."""
    found = await paginate(session, queries.segments(kind=kind, text=text), page, by=queries.NEWEST_FIRST)
    return found.map(SegmentOut.model_validate)


@router.post("/v1/segments/preview", dependencies=READ, responses=problems(409, 503))
async def preview_segment(body: PreviewIn, session: Db) -> PreviewOut:
    """Try a definition out: how many people it has, and at most 50 of them. Nothing is kept."""
    definition = body.definition.kept()
    found = await service.preview(session, definition)
    return PreviewOut.model_validate(found | {"warnings": await hints.warnings(session, definition)})


@router.get("/v1/segments/{segment_id}", dependencies=READ, responses=problems(404))
async def get_segment(segment_id: UUID, session: Db, response: Response) -> SegmentOut:
    """Show a segment."""
    return _answer(response, await queries.get_segment(session, segment_id))


@router.patch("/v1/segments/{segment_id}", dependencies=WRITE, responses=problems(404, 409, 412))
async def update_segment(
    segment_id: UUID, body: SegmentPatch, session: Db, expected: IfMatch, response: Response
) -> SegmentOut:
    """Change a segment; another definition is refreshed at once."""
    changes = body.model_dump(exclude_unset=True)
    if body.definition is not None:
        changes["definition"] = body.definition.kept()
    return _answer(response, await service.change_segment(session, segment_id, changes, expected=expected))


@router.delete("/v1/segments/{segment_id}", status_code=204, dependencies=WRITE, responses=problems(404, 409, 412))
async def delete_segment(segment_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a segment away, unless another one asks for it. Nobody is told that its members left."""
    await service.delete_segment(session, segment_id, expected=expected)


@router.post("/v1/segments/{segment_id}/refresh", status_code=202, dependencies=WRITE, responses=problems(404))
async def refresh_segment(segment_id: UUID, session: Db, response: Response) -> RefreshOut:
    """Have a segment refreshed now, by a job; while one is at work it is that one."""
    job_id = await service.ask_refresh(session, segment_id)
    set_location(response, f"/v1/jobs/{job_id}")
    return RefreshOut(job_id=job_id)


@router.post("/v1/segments/{segment_id}/refresh/cancel", dependencies=WRITE, responses=problems(404, 409))
async def cancel_refresh(segment_id: UUID, session: Db) -> SegmentOut:
    """Stop that job. What was refreshed by then stays; the next refresh, of all segments every 5 minutes, begins anew."""
    return SegmentOut.model_validate(await service.cancel_refresh(session, segment_id))


@router.get(
    "/v1/segments/{segment_id}/members",
    dependencies=READ,
    responses=ALSO_CSV | problems(404),
    response_model=Listing[MemberOut],
)
async def list_members(
    segment_id: UUID,
    session: Db,
    page: LongPageQuery,
    request: Request,
    sheet: Annotated[Sheet, Depends(sheet_of)],
    entered_from: Annotated[Timestamp | None, Query(description="Only those who came then or later.")] = None,
) -> Any:
    """List who is in a segment, who came first first. With `Accept: text/csv` a page as CSV, the next by `Link`."""
    await queries.get_segment(session, segment_id)
    found = await paginate(session, queries.members(segment_id, entered_from=entered_from), page, by=queries.IN_ORDER)
    listing = found.map(MemberOut.model_validate)
    if not sheet.is_wanted:
        return listing
    rows = ([str(each.person_id), each.user_id, rfc3339(each.entered_at)] for each in listing.items)
    more = {} if listing.next_cursor is None else {"Link": _next(request, listing.next_cursor)}
    return sheet.answer(["person_id", "user_id", "entered_at"], rows, more)


def _next(request: Request, cursor: str) -> str:
    return f'<?{request.url.include_query_params(cursor=cursor).query}>; rel="next"'


@router.put("/v1/segments/{segment_id}/members", dependencies=WRITE, responses=problems(404, 409))
async def add_members(segment_id: UUID, body: MembersIn, session: Db) -> MembersChangedOut:
    """Put people on a static list, at most 1,000 at a time; who is on it already stays."""
    return MembersChangedOut.model_validate(await service.add_members(session, segment_id, body.user_ids))


@router.delete("/v1/segments/{segment_id}/members", dependencies=WRITE, responses=problems(404, 409))
async def remove_members(segment_id: UUID, body: MembersIn, session: Db) -> MembersChangedOut:
    """Take people off a static list, at most 1,000 at a time."""
    return MembersChangedOut.model_validate(await service.remove_members(session, segment_id, body.user_ids))
