"""HTTP doors of the event log and the catalogue."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Annotated, Literal

from fastapi import Header, Query, Response
from pydantic import AfterValidator
from starlette.requests import Request

from opsloop_common.contracts import catalogue
from opsloop_common.contracts.published import data_schema
from opsloop_common.errors import Invalid
from opsloop_common.http.call import Call
from opsloop_common.http.deps import Asked
from opsloop_common.http.lasting import STREAMED, accepts_stream, is_still_signed_in
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.eventlog import service
from opsloop_notifications.eventlog.schemas import (
    EventPage,
    EventTypeOut,
    EventTypes,
    Wait,
    known_patterns,
    read_patterns,
)
from opsloop_notifications.eventlog.waiting import (
    Cursors,
    LaterPage,
    Reader,
    event_stream,
    page_answer,
    require_kept,
)

router = ApiRouter(tags=["events"])
READ = allow("notifications:read")


Cursor = Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")]
Start = Annotated[
    Literal["oldest", "newest", "now"] | None,
    Query(
        description="Where to begin without a cursor: at the oldest event, `limit` before the newest, or with the next one."
    ),
]
Types = Annotated[
    str | None, Query(max_length=1000, description="Comma-separated; `kpi.*` allowed."), AfterValidator(known_patterns)
]
Limit = Annotated[int, Query(ge=1, le=200, description="Most items on a page; one of large items ends earlier.")]


async def _begin(
    asked: Call, cursor: str | None, start: str | None, types: str | None, limit: int, *, pointer: str = "/query/cursor"
) -> tuple[Reader, int]:
    """Return who reads, and from which position on."""
    if cursor is not None and start is not None:
        raise Invalid("/query/start", "must not be given with a cursor, which says where to go on")
    cursors, patterns = Cursors(asked.runtime.secrets, asked.who.workspace), tuple(read_patterns(types))
    after = cursors.read(cursor, pointer) if cursor is not None else 0
    if start in ("newest", "now"):
        newest = limit if start == "newest" else 0
        after = await service.position_before(asked.session(), newest=newest, patterns=patterns)
    return Reader(asked.context, patterns, limit, cursors), after


@router.get("/v1/events", response_model=EventPage, dependencies=[READ], responses=problems(410))
async def poll_events(
    asked: Asked,
    request: Request,
    cursor: Cursor = None,
    start: Start = None,
    types: Types = None,
    limit: Limit = 50,
    wait: Annotated[
        Wait | None,
        Query(description="How long to wait where there is nothing yet, 30 s at most."),
    ] = None,
) -> Response:
    """Read the events of all services by polling, oldest first: the same documents as webhooks carry, none missed.

    Without a cursor it begins at the oldest event that is kept (`OPSLOOP_EVENT_RETENTION_DAYS`, 30 days), or where `start` says:
    `newest` gives the last `limit` of the types asked for, `now` none but a cursor for those that follow. A cursor with events
    after it that are no longer kept answers 410; the problem's `next_cursor` goes on at the oldest that is there.

    With `wait` the answer comes at once when there is something, else with the first event, or without any when the time is over.
    """
    reader, after = await _begin(asked, cursor, start, types, limit)
    page = await service.read_log(asked.session(), after, patterns=reader.patterns, limit=limit)
    if cursor is not None:
        require_kept(page, after, reader.cursors)
    if page.events or not wait:
        return page_answer(page, reader.cursors, cursor=cursor, after=after)
    may_go_on, seconds = partial(is_still_signed_in, request), wait.total_seconds()
    return LaterPage(asked.runtime.db, reader, after, cursor=cursor, seconds=seconds, may_go_on=may_go_on)


@router.get(
    "/v1/events/stream",
    dependencies=[READ],
    response_class=Response,
    responses=problems(410, 429)
    | {200: STREAMED | {"description": "Events of the types of the log: `id` is a cursor, `data` the CloudEvent."}},
)
async def stream_events(
    asked: Asked,
    request: Request,
    cursor: Cursor = None,
    start: Start = None,
    types: Types = None,
    limit: Limit = 50,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=2000)] = None,
) -> Response:
    """Get the events of all services as Server-Sent Events, oldest first, none missed: `GET /v1/events` that goes on.

    `Last-Event-ID` is a cursor, and counts before `cursor` and `start`. It ends after ten minutes, to be asked for again with the last
    id. Who does not accept `text/event-stream` gets what there is, and the end.
    """
    if last_event_id:
        reader, after = await _begin(asked, last_event_id, None, types, limit, pointer="/header/Last-Event-ID")
    else:
        reader, after = await _begin(asked, cursor, start, types, limit)
    if last_event_id or cursor is not None:
        require_kept(await service.read_log(asked.session(), after, patterns=(), limit=1), after, reader.cursors)
    is_live, may_go_on = accepts_stream(request), partial(is_still_signed_in, request)
    return event_stream(asked.runtime.db, reader, after, is_live=is_live, may_go_on=may_go_on)


@router.get("/v1/event-types", dependencies=[READ])
async def list_event_types() -> EventTypes:
    """List every type of event of every service that others are told of, with its meaning and the JSON Schema of its `data`."""
    items = [
        EventTypeOut(
            type=name,
            service=catalogue.PRODUCERS_OF[name][0],
            version=kind.version,
            description=inspect.getdoc(kind) or "",
            dataschema=kind.dataschema(),
            schema=data_schema(kind),
        )
        for name, kind in sorted(catalogue.PUBLIC.items())
    ]
    return EventTypes(items=items, next_cursor=None)
