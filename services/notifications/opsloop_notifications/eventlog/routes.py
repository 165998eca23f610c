"""HTTP doors of the event log and the catalogue."""

from __future__ import annotations

import inspect
from typing import Annotated, Literal

from fastapi import Query, Response
from pydantic import AfterValidator

from opsloop_common.contracts import catalogue
from opsloop_common.contracts.published import data_schema
from opsloop_common.documents import included, write_document
from opsloop_common.errors import Gone, Invalid
from opsloop_common.http.deps import Db, Run, Who
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.secretbox import Unsealable
from opsloop_notifications.eventlog import service
from opsloop_notifications.eventlog.schemas import EventPage, EventTypeOut, EventTypes, known_patterns, read_patterns

router = ApiRouter(tags=["events"])
READ = allow("notifications:read")


@router.get("/v1/events", response_model=EventPage, dependencies=[READ], responses=problems(410))
async def poll_events(
    session: Db,
    run: Run,
    who: Who,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before.")] = None,
    start: Annotated[
        Literal["oldest", "newest", "now"] | None,
        Query(
            description="Where to begin without a cursor: at the oldest event, `limit` before the newest, or with the next one."
        ),
    ] = None,
    types: Annotated[
        str | None,
        Query(max_length=1000, description="Comma-separated; `kpi.*` allowed."),
        AfterValidator(known_patterns),
    ] = None,
    limit: Annotated[
        int, Query(ge=1, le=200, description="Most items on a page; one of large items ends earlier.")
    ] = 50,
) -> Response:
    """Read the events of all services by polling, oldest first: the same documents as webhooks carry, none missed.

    Without a cursor it begins at the oldest event that is kept (`OPSLOOP_EVENT_RETENTION_DAYS`, 30 days), or where `start` says:
    `newest` gives the last `limit` of the types asked for, `now` none but a cursor for those that follow. A cursor with events
    after it that are no longer kept answers 410; the problem's `next_cursor` goes on at the oldest that is there.
    """
    if cursor is not None and start is not None:
        raise Invalid("/query/start", "must not be given with a cursor, which says where to go on")
    purpose = f"events cursor {who.workspace}"
    try:
        after = int(run.secrets.open(cursor, purpose=purpose)) if cursor is not None else 0
    except Unsealable as error:
        raise Invalid("/query/cursor", "is not a cursor of this list") from error
    patterns = read_patterns(types)
    if start in ("newest", "now"):
        after = await service.position_before(session, newest=limit if start == "newest" else 0, patterns=patterns)
    page = await service.read_log(session, after, patterns=patterns, limit=limit)
    if cursor is not None and after < page.forgotten:
        raise Gone(
            "Events after this cursor are past their retention; `next_cursor` goes on at the oldest one that is kept.",
            extra={"next_cursor": run.secrets.seal(str(page.forgotten).encode(), purpose=purpose)},
        )
    found = {
        # as they are: to read and write megabytes of them again would hold up the loop
        "items": [included(document) for document in page.documents],
        "next_cursor": run.secrets.seal(str(page.position).encode(), purpose=purpose),
        "has_more": page.has_more,
    }
    return Response(write_document(found), media_type="application/json")


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
