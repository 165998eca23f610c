"""HTTP doors of many recipients at once. Files have an address of their own: below `/v1/recipients/` are people's ids."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from starlette.requests import Request

from opsloop_common.errors import Invalid, UnsupportedMediaType
from opsloop_common.http.body import read_bytes
from opsloop_common.http.call import call_of
from opsloop_common.http.deps import Asked, Db, set_location
from opsloop_common.http.files import begin_with
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems
from opsloop_common.http.rows import told
from opsloop_common.http.schemas import ShortText, Timestamp
from opsloop_common.http.vendors import unpacked
from opsloop_common.limits import BATCH_BYTES, BATCH_CONTAINERS, BATCH_VALUES, IMPORT_PART_BYTES
from opsloop_common.turns import in_turns, turn
from opsloop_notifications.recipient_imports import queries, service
from opsloop_notifications.recipient_imports.models import RecipientImport
from opsloop_notifications.recipient_imports.reading import Consent, Read, Refused, is_ahead, read_row
from opsloop_notifications.recipient_imports.rules import TYPES, Format, Stage, field_of
from opsloop_notifications.recipient_imports.schemas import (
    RecipientBatchIn,
    RecipientBatchItemOut,
    RecipientBatchOut,
    RecipientImportErrorOut,
    RecipientImportOut,
)
from opsloop_notifications.recipients.service import Taken

router = ApiRouter(tags=["recipients"])
READ = allow("notifications:read")
WRITE = allow("notifications:write")
PATH = "/v1/recipient-imports"
ONE = f"{PATH}/{{import_id}}"
_FILE = {"schema": {"type": "string", "format": "binary"}}
FILE: dict[str, Any] = {"requestBody": {"required": True, "content": dict.fromkeys(sorted(TYPES), _FILE)}}
NOT_YET = "must not lie in the future"


@router.post(
    "/v1/recipients:batch",
    dependencies=[WRITE, body_limit(BATCH_BYTES, containers=BATCH_CONTAINERS, values=BATCH_VALUES), own_idempotency()],
)
async def put_recipients(body: RecipientBatchIn, call: Asked) -> RecipientBatchOut:
    """Say where up to 1,000 people are reached; what a row leaves out stays. Valid rows land together, an invalid one refuses only itself.

    An address without `consent` is unconfirmed: it gets nothing before double opt-in, and replaces no confirmed one.
    """
    now, consent = call.runtime.clock.now(), body.consent
    if consent is not None and is_ahead(consent.at, now):
        raise Invalid("/consent/at", NOT_YET)
    ground = None if consent is None else (consent.source, consent.at)
    rows = await in_turns(partial(read_row, consent=ground, now=now), body.items, workspace=call.who.workspace)
    answers = await service.take(await call.begin(), rows)
    return RecipientBatchOut(items=[_item(*each) for each in zip(rows, answers, strict=True)])


def _item(read: Read, answer: Taken | Refused) -> RecipientBatchItemOut:
    if isinstance(answer, Refused):
        faults = told(answer.faults)
        return RecipientBatchItemOut(user_id=answer.user_id, status="invalid", kept_address=False, errors=faults)
    user_id = None if isinstance(read, Refused) else read[0]
    return RecipientBatchItemOut(user_id=user_id, status=answer.status, kept_address=answer.kept_address, errors=[])


@router.post(
    PATH,
    status_code=202,
    dependencies=[WRITE, body_limit(IMPORT_PART_BYTES), own_idempotency()],
    responses=problems(409, 413, 415),
    openapi_extra=FILE,
)
async def create_recipient_import(
    request: Request,
    response: Response,
    name: Annotated[ShortText, Query(description="What people call it.")] = "import",
    dry_run: Annotated[bool, Query(description="Count what would be; nothing changes.")] = False,
    consent_source: Annotated[
        ShortText | None, Query(description="How you know that addresses are theirs, of rows that do not say.")
    ] = None,
    consent_at: Annotated[Timestamp | None, Query(description="… and since when.")] = None,
) -> RecipientImportOut:
    """Take a file of recipients (CSV, or JSON by lines as in a batch) and read it by a job; the file is the body, up to 16 MiB.

    A CSV's first row names its columns, in English or Chinese: `user_id` 用户, `email` 邮箱, `locale` 语言, `name` 姓名, `time_zone` 时区,
    `topics` 主题 (`news; -offers`), `consent_source` 同意来源, `consent_at` 同意时间. An empty cell says nothing. What a row says goes by
    the rules of a batch.
    """
    format = _format(request)
    call = call_of(request)
    consent = _consent(consent_source, consent_at)
    if consent is not None and is_ahead(consent[1], call.runtime.clock.now()):
        raise Invalid("/query/consent_at", NOT_YET)
    raw = await read_bytes(request, IMPORT_PART_BYTES)
    data = await unpacked(raw, request.headers.get("content-encoding", ""), IMPORT_PART_BYTES)
    async with turn(call.who.workspace):
        kept, head = service.prepare(data, format)
    session = await begin_with(request, data)
    found = await service.create(session, kept, head, name=name, format=format, consent=consent, is_dry_run=dry_run)
    set_location(response, f"{PATH}/{found.id}")
    return _out(found)


@router.post(f"{ONE}/cancel", dependencies=[WRITE], responses=problems(404, 409))
async def cancel_recipient_import(import_id: UUID, session: Db) -> RecipientImportOut:
    """Stop reading a file. What it did stays; `undo` takes it back."""
    return _out(await service.cancel(session, import_id))


UNDONE: dict[int | str, dict[str, Any]] = {
    200: {"model": RecipientImportOut, "description": "It was taken back already."}
}


@router.post(f"{ONE}/undo", status_code=202, dependencies=[WRITE], responses=UNDONE | problems(404, 409))
async def undo_recipient_import(import_id: UUID, session: Db, response: Response) -> RecipientImportOut:
    """Put people back as they were before a file, by a job; whoever was changed since stays as they are. Again changes nothing."""
    found = await service.undo(session, import_id)
    response.status_code = 200 if found.stage == Stage.UNDONE else 202
    return _out(found)


@router.get(PATH, dependencies=[READ])
async def list_recipient_imports(session: Db, page: PageQuery) -> Listing[RecipientImportOut]:
    """List the files, newest first; they are kept for 30 days."""
    return (await paginate(session, queries.imports(session), page, by=queries.NEWEST_FIRST)).map(_out)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_recipient_import(import_id: UUID, session: Db) -> RecipientImportOut:
    """Show how far a file is, and what its rows came to."""
    return _out(await queries.get_import(session, import_id))


@router.get(f"{ONE}/errors", dependencies=[READ], responses=problems(404))
async def list_recipient_import_errors(
    import_id: UUID, session: Db, page: PageQuery
) -> Listing[RecipientImportErrorOut]:
    """List the refused rows of a file by their numbers, the first 10,000. What stood in them is not kept."""
    await queries.get_import(session, import_id)
    found = await paginate(session, queries.errors_of(session, import_id), page, by=queries.BY_ROW)
    return found.map(RecipientImportErrorOut.model_validate)


def _out(found: RecipientImport) -> RecipientImportOut:
    ignored = [column for column in found.columns if field_of(column) is None]
    names = RecipientImportOut.model_fields.keys() - {"ignored_columns"}
    return RecipientImportOut(ignored_columns=ignored, **{name: getattr(found, name) for name in names})


def _format(request: Request) -> Format:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (found := TYPES.get(kind)) is None:
        raise UnsupportedMediaType("Send text/csv or application/x-ndjson.", headers={"Accept": ", ".join(TYPES)})
    return found


def _consent(source: str | None, at: Any) -> Consent | None:
    if (source is None) != (at is None):
        raise Invalid("/query/consent_at" if at is None else "/query/consent_source", "must come with the other one")
    return None if source is None else (source, at)
