"""HTTP doors of recipients."""

from __future__ import annotations

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, Who, set_etag
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import UserId
from opsloop_notifications.recipients import queries, service
from opsloop_notifications.recipients.schemas import RecipientIn, RecipientOut

router = ApiRouter(tags=["recipients"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
ONE = "/v1/recipients/{user_id:path}"  # below every longer path: an id may hold slashes


@router.put(
    ONE,
    dependencies=[WRITE],
    responses=problems(412) | {201: {"model": RecipientOut, "description": "The person was not known before."}},
)
async def put_recipient(
    user_id: UserId, body: RecipientIn, session: Db, response: Response, expected: IfMatch
) -> RecipientOut:
    """Say where a person is reached, and in which language; what is left out is forgotten."""
    recipient, is_new = await service.put_recipient(
        session, user_id, email=body.email, locale=body.locale, expected=expected
    )
    response.status_code = 201 if is_new else 200
    set_etag(response, recipient.version)
    return RecipientOut.model_validate(recipient)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_recipient(user_id: UserId, session: Db, response: Response) -> RecipientOut:
    """Show where a person is reached."""
    recipient = await queries.get_recipient(session, user_id)
    set_etag(response, recipient.version)
    return RecipientOut.model_validate(recipient)


@router.get("/v1/recipients", dependencies=[READ])
async def list_recipients(session: Db, who: Who, page: PageQuery) -> Listing[RecipientOut]:
    """List the people that can be reached, newest first."""
    rows = await paginate(session, queries.recipients_of(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(RecipientOut.model_validate)


@router.delete(ONE, status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_recipient(user_id: UserId, session: Db, expected: IfMatch) -> None:
    """Forget a person's address. What was sent to them stays in the record."""
    await service.delete_recipient(session, user_id, expected=expected)
