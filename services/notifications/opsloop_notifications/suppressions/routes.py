"""HTTP doors of suppressions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsloop_common.contracts.notifications import SuppressionReason
from opsloop_common.http.deps import Db, IfMatch, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import EmailAddress
from opsloop_notifications.suppressions import queries, service
from opsloop_notifications.suppressions.schemas import SuppressionIn, SuppressionOut

router = ApiRouter(tags=["suppressions"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
ONE = "/v1/suppressions/{suppression_id}"


@router.post(
    "/v1/suppressions",
    status_code=201,
    dependencies=[WRITE],
    responses={
        200: {
            "model": SuppressionOut,
            "description": "The address got nothing before; its first reason stays, but for `unsubscribe`.",
        }
    },
)
async def create_suppression(body: SuppressionIn, session: Db, response: Response) -> SuppressionOut:
    """Send nothing more to an address. What waits for it is not sent either."""
    suppression, said = await service.suppress(session, body.address, body.reason, note=body.note)
    response.status_code = 201 if said == "added" else 200
    set_etag(response, suppression.version)
    set_location(response, f"/v1/suppressions/{suppression.id}")
    return SuppressionOut.model_validate(suppression)


@router.get("/v1/suppressions", dependencies=[READ])
async def list_suppressions(
    session: Db,
    who: Who,
    page: PageQuery,
    address: Annotated[EmailAddress | None, Query(description="Whatever its case.")] = None,
    reason: Annotated[SuppressionReason | None, Query()] = None,
) -> Listing[SuppressionOut]:
    """List the addresses that get nothing, newest first."""
    found = queries.suppressions(who.workspace, address=address, reason=reason)
    return (await paginate(session, found, page, by=queries.NEWEST_FIRST)).map(SuppressionOut.model_validate)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_suppression(suppression_id: UUID, session: Db, response: Response) -> SuppressionOut:
    """Show one address that gets nothing."""
    suppression = await queries.get_suppression(session, suppression_id)
    set_etag(response, suppression.version)
    return SuppressionOut.model_validate(suppression)


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_suppression(suppression_id: UUID, session: Db, expected: IfMatch) -> None:
    """Let an address get mail again."""
    await service.lift(session, suppression_id, expected=expected)
