"""HTTP doors of files of events: a file comes as it is, whole or in parts."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from fastapi import Depends, Path, Query, Response
from starlette.requests import Request

from opsloop_common.errors import FieldError, Invalid, UnsupportedMediaType
from opsloop_common.http.body import read_bytes
from opsloop_common.http.call import call_of
from opsloop_common.http.deps import Db, set_location
from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.files import begin_with
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems
from opsloop_common.http.schemas import ShortText
from opsloop_common.http.vendors import unpacked
from opsloop_common.limits import IMPORT_PART_BYTES
from opsloop_common.turns import turn
from opsloop_metrics.capture.rules import Message, Problem
from opsloop_metrics.event_files.rules import MAPPED, SEPARATED, TYPES, Columns, Format, is_made_up
from opsloop_metrics.event_imports import queries, service
from opsloop_metrics.event_imports.rules import Stage
from opsloop_metrics.event_imports.schemas import ImportErrorOut, ImportOut, ImportPreviewOut, PreviewedRowOut
from opsloop_metrics.rejections import service as rejections
from opsloop_metrics.rejections.rules import cell_text
from opsloop_metrics.shapes import Sheet, sheet_of

router = ApiRouter(tags=["imports"])
READ = allow("metrics:read")
WRITE = allow("metrics:write")
# the body is read before the transaction begins: it may take a minute to come
TAKES = (WRITE, body_limit(IMPORT_PART_BYTES), own_idempotency())
_FILE = {"schema": {"type": "string", "format": "binary"}}
FILE: dict[str, Any] = {"requestBody": {"required": True, "content": dict.fromkeys(sorted(TYPES), _FILE)}}
PART: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": _FILE}}}

Given = Annotated[
    Format | None,
    Query(
        description="What the rows are; `orders` and `store_downloads` are CSV. Left out: `csv` or `jsonl`, as the Content-Type says."
    ),
]


def _columns(
    event: Annotated[
        ShortText,
        Query(
            alias="event_column",
            description="Which column is the event's name; this and its like are for `csv` and `jsonl`.",
        ),
    ] = "event",
    time: Annotated[ShortText, Query(alias="time_column", description="… when it happened.")] = "time",
    user_id: Annotated[ShortText, Query(alias="user_id_column", description="… whose it is.")] = "user_id",
    anonymous_id: Annotated[
        ShortText, Query(alias="anonymous_id_column", description="… which device's or visitor's.")
    ] = "anonymous_id",
    message_id: Annotated[
        ShortText, Query(alias="message_id_column", description="… what names the event for ever.")
    ] = "message_id",
) -> Columns:
    return Columns(event, time, user_id, anonymous_id, message_id)


Mapped = Annotated[Columns, Depends(_columns)]
Zone = Annotated[
    TimeZone | None, Query(description="In which times without an offset are read. Left out: the workspace's.")
]


@router.post("/v1/imports/preview", dependencies=TAKES, responses=problems(413, 415), openapi_extra=FILE)
async def preview_import(
    request: Request, columns: Mapped, format: Given = None, time_zone: Zone = None
) -> ImportPreviewOut:
    """Show how the first 20 rows of a file would be read; the file, or its beginning, is the body. Nothing is kept."""
    rows_are = _format(request, format)
    data = await _body(request)
    zone = await service.zone_of(await begin_with(request, data), time_zone)
    async with turn(call_of(request).who.workspace):
        head, rows = service.preview(
            data, rows_are, columns, zone=ZoneInfo(zone), now=call_of(request).runtime.clock.now()
        )
    return ImportPreviewOut(
        format=rows_are,
        columns=list(head.names),
        delimiter=head.delimiter if rows_are in SEPARATED else None,
        time_zone=zone,
        rows=[_previewed(number, read) for number, read in rows],
    )


@router.post("/v1/imports", status_code=202, dependencies=TAKES, responses=problems(409, 413, 415), openapi_extra=FILE)
async def create_import(
    request: Request,
    response: Response,
    columns: Mapped,
    format: Given = None,
    time_zone: Zone = None,
    name: Annotated[ShortText, Query(description="What people call it.")] = "import",
    more: Annotated[bool, Query(description="Whether parts follow; then nothing is read before `start`.")] = False,
) -> ImportOut:
    """Take a file of events and read it by a job. The body is the file, or its first 16 MiB at most."""
    rows_are = _format(request, format)
    data = await _body(request)
    call = call_of(request)
    session = await begin_with(request, data)
    found = await service.create(
        session,
        data,
        name=name,
        format=rows_are,
        columns=columns,
        time_zone=time_zone,
        source=call.who.source,
        has_more=more,
    )
    set_location(response, f"/v1/imports/{found.id}")
    return ImportOut.model_validate(found)


@router.post(
    "/v1/imports/{import_id}/parts/{number}",
    dependencies=TAKES,
    responses=problems(404, 409, 413),
    openapi_extra=PART,
)
async def add_import_part(
    import_id: UUID, number: Annotated[int, Path(ge=2, le=1_000_000)], request: Request
) -> ImportOut:
    """Add the next part of a file, at most 16 MiB; parts may end anywhere.

    One that has come already changes nothing. Part 1 is what began the import, and cannot be sent again here (404).
    """
    data = await _body(request)
    session = await begin_with(request, data)
    return ImportOut.model_validate(await service.add_part(session, import_id, number, data))


@router.post("/v1/imports/{import_id}/start", status_code=202, dependencies=[WRITE], responses=problems(404, 409))
async def start_import(import_id: UUID, session: Db) -> ImportOut:
    """Say that the last part has come: the file is read by a job."""
    return ImportOut.model_validate(await service.start(session, import_id))


@router.post("/v1/imports/{import_id}/cancel", dependencies=[WRITE], responses=problems(404, 409))
async def cancel_import(import_id: UUID, session: Db) -> ImportOut:
    """Stop reading a file. What was stored stays; `undo` takes it back."""
    return ImportOut.model_validate(await service.cancel(session, import_id))


UNDONE: dict[int | str, dict[str, Any]] = {200: {"model": ImportOut, "description": "It was taken back already."}}


@router.post(
    "/v1/imports/{import_id}/undo", status_code=202, dependencies=[WRITE], responses=UNDONE | problems(404, 409)
)
async def undo_import(import_id: UUID, session: Db, response: Response) -> ImportOut:
    """Take back the events that a file brought, by a job; of orders and downloads, those. Again changes nothing: 200 once it is done.

    What was learned of people stays: who was first heard of in the file is still listed, with its ids, its traits and the time at which it
    was first seen. Erase such people one by one (`DELETE /v1/users/{user_id}`).
    """
    found = await service.undo(session, import_id)
    response.status_code = 200 if found.stage == Stage.UNDONE else 202
    return ImportOut.model_validate(found)


@router.get("/v1/imports", dependencies=[READ])
async def list_imports(session: Db, page: PageQuery) -> Listing[ImportOut]:
    """List the files, the newest first."""
    found = await paginate(session, queries.imports(session), page, by=queries.NEWEST_FIRST)
    return found.map(ImportOut.model_validate)


@router.get("/v1/imports/{import_id}", dependencies=[READ], responses=problems(404))
async def get_import(import_id: UUID, session: Db) -> ImportOut:
    """Show how far a file is, and what its rows came to."""
    return ImportOut.model_validate(await queries.get_import(session, import_id))


@router.get(
    "/v1/imports/{import_id}/errors",
    dependencies=[READ],
    responses=problems(404) | {200: {"content": {"text/csv": {}}}},
    response_model=Listing[ImportErrorOut],
)
async def list_import_errors(
    import_id: UUID, session: Db, page: PageQuery, sheet: Annotated[Sheet, Depends(sheet_of)]
) -> Any:
    """List the refused rows of a file by their numbers, of the first 10,000; with `Accept: text/csv` a page of them as CSV."""
    await queries.get_import(session, import_id)
    found = await paginate(session, rejections.of_import(session, import_id), page, by=rejections.BY_ROW)
    listing = found.map(ImportErrorOut.model_validate)
    if not sheet.is_wanted:
        return listing
    headers = {"Next-Cursor": listing.next_cursor} if listing.next_cursor else {}
    rows = ([each.row, each.column, each.value, each.reason, each.detail, each.raw] for each in listing.items)
    return sheet.answer(["row", "column", "value", "reason", "detail", "raw"], rows, headers)


def _format(request: Request, given: Format | None) -> Format:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    found = given or TYPES.get(kind)
    if found is None:
        raise UnsupportedMediaType(
            "Send text/csv or application/x-ndjson, or say which `format` it is.", headers={"Accept": ", ".join(TYPES)}
        )
    given_columns = [name for name in request.query_params if name.endswith("_column")]
    if given_columns and found not in MAPPED:
        detail = f"is for the formats {' and '.join(sorted(MAPPED))}; columns of {found} are called as the guide says"
        raise Invalid.each(FieldError(f"/query/{name}", detail) for name in given_columns)
    return found


async def _body(request: Request) -> bytes:
    raw = await read_bytes(request, IMPORT_PART_BYTES)
    return await unpacked(raw, request.headers.get("content-encoding", ""), IMPORT_PART_BYTES)


def _previewed(number: int, read: Any) -> PreviewedRowOut:
    none: dict[str, Any] = dict.fromkeys(("event", "time", "distinct_id", "message_id"))
    good: dict[str, Any] = dict.fromkeys(("reason", "detail", "column", "value"))
    if isinstance(read, Problem):
        return PreviewedRowOut(
            row=number,
            is_identified=False,
            properties={},
            reason=str(read.reason),
            detail=read.detail,
            column=read.column,
            value=cell_text(read.value),
            **none,
        )
    if not isinstance(read, Message):  # an order, a refund, downloads: as their rooms read it
        said = orjson.loads(orjson.dumps(read))
        return PreviewedRowOut(row=number, is_identified=False, properties=said, **none, **good)
    return PreviewedRowOut(
        row=number,
        event=read.event,
        time=read.time,
        distinct_id=read.distinct_id,
        is_identified=read.is_identified,
        message_id=None if is_made_up(read.message_id) else read.message_id,
        properties=dict(read.properties),
        **good,
    )
