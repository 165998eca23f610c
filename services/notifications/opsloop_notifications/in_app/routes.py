"""HTTP doors of inboxes: for the product's server by key, for a person's browser by a user token."""

from __future__ import annotations

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Header, Query, Response
from starlette.requests import Request

from opsloop_common.access.principal import Principal
from opsloop_common.http.deps import Asked, Db, IfMatch, Who, set_etag
from opsloop_common.http.lasting import STREAMED, accepts_stream, is_still_signed_in
from opsloop_common.http.paging import PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems, public, users
from opsloop_common.http.schemas import UserId
from opsloop_notifications.in_app import queries, service
from opsloop_notifications.in_app.models import InAppEntry
from opsloop_notifications.in_app.page import script
from opsloop_notifications.in_app.rules import Shelf
from opsloop_notifications.in_app.schemas import (
    EntryOut,
    EntryPatch,
    InboxCountsOut,
    InboxOut,
    MarkedOut,
    MarkIn,
    UndoIn,
    UndoneOut,
)
from opsloop_notifications.in_app.streaming import Reader, inbox_stream

router = ApiRouter(tags=["inbox"])
READ = [allow("notifications:read"), users()]
WRITE = [allow("notifications:write"), users()]
ALL = "/v1/recipients/{user_id:path}/inbox"
ONE = f"{ALL}/{{entry_id}}"


def _as_user(who: Principal) -> str | None:
    return who.user_id


@router.api_route("/v1/inbox.js", methods=["GET", "HEAD"], dependencies=[public()], include_in_schema=False)
async def get_inbox_script() -> Response:
    """Return the script that shows an inbox on a page: `<ops-inbox>`, in Chinese and English, by day and night."""
    headers = {"Cache-Control": "public, max-age=300", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(script(), media_type="text/javascript; charset=utf-8", headers=headers)


@router.get(ALL, dependencies=READ, responses=problems(404))
async def list_inbox(
    user_id: UserId, session: Db, who: Who, page: PageQuery, status: Annotated[Shelf, Query()] = Shelf.OPEN
) -> InboxOut:
    """List what lies in a person's inbox, newest first, with what waits in all of it."""
    await service.require_known(session, user_id, as_user=_as_user(who))
    counts = InboxCountsOut.model_validate(await queries.counts(session, user_id))
    rows = await paginate(session, queries.entries_of(who.workspace, user_id, status), page, by=queries.NEWEST_FIRST)
    listed = rows.map(EntryOut.model_validate)
    return InboxOut(items=listed.items, next_cursor=listed.next_cursor, counts=counts)


@router.get(
    f"{ALL}/stream",
    dependencies=READ,
    response_class=Response,
    responses=problems(404, 429) | {200: STREAMED | {"description": "Events `entry`, `counts` and `reset`."}},
)
async def stream_inbox(
    user_id: UserId,
    session: Db,
    asked: Asked,
    request: Request,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> Response:
    """Watch a person's inbox: each entry that is new or changed, and the counts, as Server-Sent Events.

    With `Last-Event-ID` nothing since then is left out; `reset` says that all is to be read again. It ends after ten minutes, to be
    asked for again. Who does not accept `text/event-stream` gets what there is, and the end.
    """
    await service.require_known(session, user_id, as_user=_as_user(asked.who))
    return inbox_stream(
        asked.runtime.db,
        Reader(asked.context, user_id),
        _position(last_event_id),
        is_live=accepts_stream(request),
        may_go_on=partial(is_still_signed_in, request),
    )


def _position(last_event_id: str | None) -> int | None:
    if not last_event_id:
        return None
    # what none of ours can be lies beyond all of ours, and is told to read again
    is_ours = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) <= 18
    return int(last_event_id) if is_ours else 10**18


@router.post(f"{ALL}/mark", dependencies=WRITE, responses=problems(404))
async def mark_inbox(user_id: UserId, body: MarkIn, session: Db, who: Who) -> MarkedOut:
    """Do one thing with many entries at once, which `undo` takes back. What is so already is passed over."""
    await service.require_known(session, user_id, as_user=_as_user(who))
    changed, undo_id = await service.mark_entries(session, user_id, body.mark, body.ids)
    return MarkedOut(changed=changed, undo_id=undo_id)


@router.post(f"{ALL}/undo", dependencies=WRITE, responses=problems(404))
async def undo_inbox(user_id: UserId, body: UndoIn, session: Db, who: Who) -> UndoneOut:
    """Give entries back what they were before one `mark`, as far as nothing changed them since."""
    await service.require_known(session, user_id, as_user=_as_user(who))
    return UndoneOut(changed=await service.undo_mark(session, user_id, body.undo_id))


@router.get(ONE, dependencies=READ, responses=problems(404))
async def get_in_app_entry(user_id: UserId, entry_id: UUID, session: Db, who: Who, response: Response) -> EntryOut:
    """Show one entry of a person's inbox."""
    await service.require_known(session, user_id, as_user=_as_user(who))
    return _answer(response, await queries.get_entry(session, user_id, entry_id))


@router.patch(ONE, dependencies=WRITE, responses=problems(404, 412))
async def update_in_app_entry(
    user_id: UserId, entry_id: UUID, body: EntryPatch, session: Db, who: Who, expected: IfMatch, response: Response
) -> EntryOut:
    """Say what became of one entry: seen, read, archived, or put off until a time, at which it comes back as new."""
    await service.require_known(session, user_id, as_user=_as_user(who))
    said = body.model_dump(exclude_unset=True)
    return _answer(response, await service.change_entry(session, user_id, entry_id, said, expected=expected))


def _answer(response: Response, entry: InAppEntry) -> EntryOut:
    set_etag(response, entry.version)
    return EntryOut.model_validate(entry)
