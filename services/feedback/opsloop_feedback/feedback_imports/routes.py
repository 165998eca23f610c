"""HTTP doors of files of posts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from starlette.requests import Request

from opsloop_common.contracts.feedback import Channel
from opsloop_common.errors import Invalid, UnsupportedMediaType
from opsloop_common.http.body import read_bytes
from opsloop_common.http.call import call_of
from opsloop_common.http.deps import Db, set_location
from opsloop_common.http.files import begin_with
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems
from opsloop_common.http.schemas import ShortText
from opsloop_common.http.vendors import unpacked
from opsloop_common.limits import IMPORT_PART_BYTES
from opsloop_common.turns import turn
from opsloop_feedback.feedback_imports import queries, service
from opsloop_feedback.feedback_imports.models import FeedbackImport
from opsloop_feedback.feedback_imports.rules import MAPPED, TYPES, FileType, Stage, mapping_of
from opsloop_feedback.feedback_imports.schemas import FeedbackImportErrorOut, FeedbackImportOut
from opsloop_feedback.import_formats import rules as formats
from opsloop_feedback.import_formats.rules import Format
from opsloop_feedback.shapes import Label

router = ApiRouter(tags=["feedback"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")
PATH = "/v1/feedback-imports"
ONE = f"{PATH}/{{import_id}}"
_FILE = {"schema": {"type": "string", "format": "binary"}}
FILE: dict[str, Any] = {"requestBody": {"required": True, "content": dict.fromkeys(sorted(TYPES), _FILE)}}


@router.post(
    PATH,
    status_code=202,
    dependencies=[WRITE, body_limit(IMPORT_PART_BYTES), own_idempotency()],
    responses=problems(409, 413, 415),
    openapi_extra=FILE,
)
async def create_feedback_import(
    request: Request,
    response: Response,
    name: Annotated[ShortText, Query(description="What people call it.")] = "import",
    format: Annotated[
        Format, Query(description="Whose export it is; `opsloop`: a table of your own.")
    ] = Format.OPSLOOP,
    tag: Annotated[Label | None, Query(description="A tag that all its posts get.")] = None,
    channel: Annotated[
        Channel | None, Query(description="The channel of all its posts, where the file says none.")
    ] = None,
    column: Annotated[
        list[str] | None,
        Query(description="`field:heading` of a CSV's column, such as `body:Feedback text`.", max_length=MAPPED),
    ] = None,
    dry_run: Annotated[bool, Query(description="Count what would be; nothing changes.")] = False,
) -> FeedbackImportOut:
    """Take a file of posts (CSV, JSON, or JSON by lines) and read it by a job; the file is the body, up to 16 MiB.

    A CSV's first row names its columns, in English or Chinese: `body` 内容, `title` 标题, `external_id` 编号, `kind` 类型, `channel` 渠道,
    `user_id` 用户, `email` 邮箱, `name` 姓名, `rating` 评分, `locale` 语言, `tags` 标签, `area` 模块, `occurred_at` 时间, `status` 状态,
    `votes` 票数, `source_url` 链接, `reply` 回复, `note` 备注, `attributes.<name>`. JSON has the fields of a batch's rows and
    `status`, `votes`, `messages`. A post that came before, by its id or else by what it says, is left as it is.
    What comes with a file is of earlier times: it is found and counted, and sets off neither clocks, routing, alerts nor
    playbooks.
    """
    type, mapping, call = _type(request), _mapping(column or []), call_of(request)
    if mapping and type is not FileType.CSV:
        raise Invalid("/query/column", "is for the columns of a CSV")
    raw = await read_bytes(request, IMPORT_PART_BYTES)
    data = await unpacked(raw, request.headers.get("content-encoding", ""), IMPORT_PART_BYTES)
    async with turn(call.who.workspace):
        kept, head = service.prepare(data, type, format, mapping)
    found = await service.create(
        await begin_with(request, data),
        kept,
        head,
        name=name,
        tag=tag,
        format=format,
        type=type,
        mapping=mapping,
        channel=channel,
        source=call.who.source,
        is_dry_run=dry_run,
    )
    set_location(response, f"{PATH}/{found.id}")
    return _out(found)


@router.post(f"{ONE}/cancel", dependencies=[WRITE], responses=problems(404, 409))
async def cancel_feedback_import(import_id: UUID, session: Db) -> FeedbackImportOut:
    """Stop reading a file. What it brought stays; `undo` takes it back."""
    return _out(await service.cancel(session, import_id))


UNDONE: dict[int | str, dict[str, Any]] = {
    200: {"model": FeedbackImportOut, "description": "It was taken back already."}
}


@router.post(f"{ONE}/undo", status_code=202, dependencies=[WRITE], responses=UNDONE | problems(404, 409))
async def undo_feedback_import(import_id: UUID, session: Db, response: Response) -> FeedbackImportOut:
    """Remove what came with a file, by a job; what people changed, answered, noted or merged since stays. Again changes nothing."""
    found = await service.undo(session, import_id)
    response.status_code = 200 if found.stage == Stage.UNDONE else 202
    return _out(found)


@router.get(PATH, dependencies=[READ])
async def list_feedback_imports(session: Db, page: PageQuery) -> Listing[FeedbackImportOut]:
    """List the files, newest first; they are kept for 30 days."""
    return (await paginate(session, queries.imports(session), page, by=queries.NEWEST_FIRST)).map(_out)


@router.get(ONE, dependencies=[READ], responses=problems(404))
async def get_feedback_import(import_id: UUID, session: Db) -> FeedbackImportOut:
    """Show how far a file is, and what its rows came to."""
    return _out(await queries.get_import(session, import_id))


@router.get(f"{ONE}/errors", dependencies=[READ], responses=problems(404))
async def list_feedback_import_errors(import_id: UUID, session: Db, page: PageQuery) -> Listing[FeedbackImportErrorOut]:
    """List the refused rows of a file by their numbers, the first 10,000. What stood in them is not kept."""
    await queries.get_import(session, import_id)
    found = await paginate(session, queries.errors_of(session, import_id), page, by=queries.BY_ROW)
    return found.map(FeedbackImportErrorOut.model_validate)


def _out(found: FeedbackImport) -> FeedbackImportOut:
    format = Format(found.format)
    ignored = [column for column in found.columns if formats.field_of(column, format, found.mapping) is None]
    names = FeedbackImportOut.model_fields.keys() - {"ignored_columns"}
    return FeedbackImportOut(ignored_columns=ignored, **{name: getattr(found, name) for name in names})


def _type(request: Request) -> FileType:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (found := TYPES.get(kind)) is None:
        words = "Send text/csv, application/json or application/x-ndjson."
        raise UnsupportedMediaType(words, headers={"Accept": ", ".join(TYPES)})
    return found


def _mapping(given: list[str]) -> Mapping[str, str]:
    try:
        return mapping_of(given)
    except ValueError as error:
        raise Invalid("/query/column", str(error)) from error
