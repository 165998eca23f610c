"""The HTTP doors of attachments."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import Query, Request, Response
from starlette.responses import StreamingResponse

from opsloop_common.db import Context
from opsloop_common.errors import Gone, NotFound
from opsloop_common.foreign import Unreadable, reading
from opsloop_common.http.call import Call, call_of
from opsloop_common.http.deps import Asked, Db, set_location
from opsloop_common.http.files import ReadFile, begin_with_digest, read_file
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.paths import relative_location
from opsloop_common.http.routing import (
    ApiRouter,
    allow,
    body_limit,
    own_idempotency,
    problems,
    public,
    publishable,
    users,
)
from opsloop_common.limits import ATTACHMENT_BYTES, ATTACHMENT_LINK_SECONDS
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.attachments import queries, service
from opsloop_feedback.attachments.models import Attachment
from opsloop_feedback.attachments.rules import Form, Picture, key_of
from opsloop_feedback.attachments.schemas import AttachmentOut, AttachmentReceipt
from opsloop_feedback.attachments.service import NewFile
from opsloop_feedback.files import rules as files
from opsloop_feedback.files.service import NoFile
from opsloop_feedback.items import service as items
from opsloop_feedback.ports import require_files

router = ApiRouter(tags=["attachments"])
READ = allow("feedback:read")
PURPOSE = "attachment link"
LINKS = "/v1/attachment-files"
_FILE = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE["schema"]}}}
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": _FILE, "multipart/form-data": _FORM},
    }
}
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


@router.post(
    "/v1/attachments",
    status_code=201,
    dependencies=[
        allow("feedback:submit", "feedback:write"),
        publishable(),
        users(),
        body_limit(ATTACHMENT_BYTES),
        own_idempotency(),
    ],
    responses=problems(409, 413),
    openapi_extra=FILE,
)
async def add_attachment(
    request: Request,
    response: Response,
    name: Annotated[str | None, Query(max_length=500, description="What its sender calls it.")] = None,
) -> AttachmentReceipt:
    """Upload a file of up to 20 MiB: as the body itself, or as the one file of a form. Its id is then named by a post or a message.

    What it is goes by its content, whatever it is called. Pictures, films, sounds, documents, archives and texts are taken.
    """
    call = call_of(request)
    kept_in = require_files(call.runtime)
    async with read_file(request, ATTACHMENT_BYTES) as read:
        await call.shell.spender.spend(call.who, rows=0, bytes=read.size)
        new = await _judged(read, name)
        await kept_in.scan(read.file)
        attachment_id = await _announced(call, new)
        await kept_in.store.put(key_of(call.who.workspace, attachment_id), read.file)
        session = await begin_with_digest(request, read.digest)
    attachment = await service.keep(session, attachment_id)
    set_location(response, f"/v1/attachments/{attachment.id}")
    return AttachmentReceipt.model_validate(attachment, from_attributes=True)


async def _judged(read: ReadFile, name: str | None) -> NewFile:
    head = await asyncio.to_thread(read.file.read, files.HEAD_BYTES)
    await asyncio.to_thread(read.file.seek, 0)
    judged = service.judged(head, name=name or read.name, said=read.media_type)
    return replace(judged, size=read.size, digest=read.digest)


async def _announced(call: Call, new: NewFile) -> UUID:
    await call.enter()
    async with call.runtime.db.transaction(call.context) as session:
        attachment = await service.announce(session, new, source=call.who.source)
        attachment_id = attachment.id
    call.leave()
    return attachment_id


@router.get("/v1/attachments/{attachment_id}", dependencies=[READ], responses=problems(404))
async def get_attachment(attachment_id: UUID, session: Db, call: Asked, request: Request) -> AttachmentOut:
    """Show a file, with links to it that hold for ten minutes."""
    return _shown(call, request, await queries.get_attachment(session, attachment_id))


@router.get("/v1/feedback/{feedback_id}/attachments", dependencies=[READ], responses=problems(404))
async def list_attachments(
    feedback_id: UUID, session: Db, call: Asked, request: Request, page: PageQuery
) -> Listing[AttachmentOut]:
    """List the files that a feedback and its messages name, newest first."""
    feedback = await items.get_feedback(session, feedback_id)
    named = queries.attachments_of(feedback.workspace, feedback.id)
    rows = await paginate(session, named, page, by=queries.NEWEST_FIRST)
    return rows.map(lambda attachment: _shown(call, request, attachment))


def _shown(call: Call, request: Request, attachment: Attachment) -> AttachmentOut:
    expires_at = call.runtime.clock.now() + timedelta(seconds=ATTACHMENT_LINK_SECONDS)

    def link(form: Form) -> str:
        said = [attachment.workspace, str(attachment.id), form.value, int(expires_at.timestamp())]
        token = call.runtime.secrets.seal(orjson.dumps(said), purpose=PURPOSE)
        return relative_location(f"{LINKS}/{token}", request.scope)

    kept = {name: getattr(attachment, name) for name in AttachmentOut.model_fields if hasattr(attachment, name)}
    picture = link(Form.PICTURE) if attachment.picture == Picture.MADE else None
    return AttachmentOut(**kept, link=link(Form.FILE), picture_link=picture, links_expire_at=expires_at)


# what a link says is ours to read: it is no part of the contract
@router.get(f"{LINKS}/{{token}}", dependencies=[public()], include_in_schema=False)
async def download_attachment(token: str, request: Request) -> StreamingResponse:
    """Download a file by its link. It is saved, never shown as a page: what strangers sent runs nowhere."""
    call = call_of(request)
    workspace, attachment_id, form = _opened(call.runtime.secrets, token, int(call.runtime.clock.now().timestamp()))
    async with call.runtime.db.transaction(Context(workspace=workspace)) as session:
        attachment = await queries.get_attachment(session, attachment_id)
    try:
        pieces = await require_files(call.runtime).store.open(key_of(workspace, attachment_id, form))
    except NoFile as error:
        raise NotFound.of("attachment") from error
    return StreamingResponse(pieces, headers=_headers(attachment, form))


def _opened(secrets: SecretBox, token: str, now: int) -> tuple[str, UUID, Form]:
    try:
        with reading():
            workspace, attachment_id, form, expires = orjson.loads(secrets.open(token, purpose=PURPOSE))
            found = (str(workspace), UUID(attachment_id), Form(form))
    except Unreadable as error:
        raise NotFound("This link is not complete.") from error
    if expires < now:
        raise Gone("This link holds no longer; ask for the attachment again.")
    return found


def _headers(attachment: Attachment, form: Form) -> dict[str, str]:
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(attachment.name, safe='')}",
        "Content-Security-Policy": _SANDBOX,
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Cache-Control": f"private, max-age={ATTACHMENT_LINK_SECONDS}",
    }
    if form is Form.PICTURE:
        return headers | {"Content-Type": "image/webp", "Content-Disposition": "inline"}
    charset = "; charset=utf-8" if attachment.media_type == files.TEXT else ""
    return headers | {"Content-Type": attachment.media_type + charset, "Content-Length": str(attachment.bytes)}
