"""The HTTP doors of bulk changes."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.http.deps import Db, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.bulk_changes import queries, service
from opsloop_feedback.bulk_changes.rules import BulkOutcome
from opsloop_feedback.bulk_changes.schemas import (
    BulkChangeIn,
    BulkChangeOut,
    BulkPostOut,
    BulkPreviewOut,
    BulkSampleOut,
)
from opsloop_feedback.filters.rules import read

router = ApiRouter(tags=["bulk changes"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


@router.post("/v1/feedback:bulk-preview", dependencies=[READ])
async def preview_bulk_change(body: BulkChangeIn, session: Db) -> BulkPreviewOut:
    """Try a bulk change: how many posts it would change, and which it could not. Nothing is kept."""
    found = await service.preview(session, read(body.document()), body.ids, body.changed())
    sample = [
        BulkSampleOut(feedback_id=post.id, number=post.number, changes=each.changes, refusal=each.refusal)
        for post, each in found.sample
    ]
    shown = {name: getattr(found, name) for name in BulkPreviewOut.model_fields if name != "sample"}
    return BulkPreviewOut(**shown, sample=sample)


@router.post("/v1/feedback:bulk", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_bulk_change(body: BulkChangeIn, session: Db, response: Response) -> BulkChangeOut:
    """Change all posts that are there now and that filters or ids name, by a job. Each is changed wholly or refused."""
    bulk = await service.begin(session, body.document(), body.ids, body.changed())
    set_location(response, f"/v1/bulk-changes/{bulk.id}")
    set_etag(response, bulk.version)
    return BulkChangeOut.model_validate(bulk)


@router.get("/v1/bulk-changes", dependencies=[READ])
async def list_bulk_changes(session: Db, who: Who, page: PageQuery) -> Listing[BulkChangeOut]:
    """List bulk changes, newest first."""
    rows = await paginate(session, queries.bulk_changes(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(BulkChangeOut.model_validate)


@router.get("/v1/bulk-changes/{bulk_change_id}", dependencies=[READ], responses=problems(404))
async def get_bulk_change(bulk_change_id: UUID, session: Db, response: Response) -> BulkChangeOut:
    """Show how far a bulk change is."""
    bulk = await queries.get_bulk_change(session, bulk_change_id)
    set_etag(response, bulk.version)
    return BulkChangeOut.model_validate(bulk)


@router.get("/v1/bulk-changes/{bulk_change_id}/posts", dependencies=[READ], responses=problems(404))
async def list_bulk_change_posts(
    bulk_change_id: UUID,
    session: Db,
    page: PageQuery,
    outcome: Annotated[list[BulkOutcome] | None, Query()] = None,
) -> Listing[BulkPostOut]:
    """List what became of each post, by rising number; those that were so already are left out."""
    bulk = await queries.get_bulk_change(session, bulk_change_id)
    rows = await paginate(session, queries.posts(bulk.id, outcome), page, by=queries.BY_NUMBER)
    return rows.map(BulkPostOut.model_validate)


@router.post("/v1/bulk-changes/{bulk_change_id}/cancel", dependencies=[WRITE], responses=problems(404, 409))
async def cancel_bulk_change(bulk_change_id: UUID, session: Db) -> BulkChangeOut:
    """Stop a bulk change that is under way. What it changed stays, and may be undone."""
    return BulkChangeOut.model_validate(await service.cancel(session, bulk_change_id))


@router.post("/v1/bulk-changes/{bulk_change_id}/undo", dependencies=[WRITE], responses=problems(404, 409))
async def undo_bulk_change(bulk_change_id: UUID, session: Db) -> BulkChangeOut:
    """Put back what a bulk change made, by a job. Fields that people changed since stay as these made them."""
    return BulkChangeOut.model_validate(await service.undo(session, bulk_change_id))
