"""The HTTP doors of mail that comes in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Query, Request
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import Context, ports_of
from opsloop_common.errors import Invalid, TooManyRequests
from opsloop_common.foreign import readable
from opsloop_common.http.call import call_of
from opsloop_common.http.deps import Asked, Db, Who
from opsloop_common.http.files import read_file
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, body_limit, own_idempotency, problems, public
from opsloop_common.limits import MAIL_BYTES
from opsloop_common.service import Runtime
from opsloop_feedback.mail_in import queries, service
from opsloop_feedback.mail_in.rules import MailOutcome
from opsloop_feedback.mail_in.schemas import ReceivedMailOut, TakenMailOut
from opsloop_feedback.mail_in.service import Brought, Ways
from opsloop_feedback.mailboxes import service as mailboxes
from opsloop_feedback.ports import FeedbackPorts

router = ApiRouter(tags=["mailboxes"])
JSON = "application/json"


def _ways(run: Runtime, context: Context) -> Ways:
    ports = ports_of(run, FeedbackPorts)

    @asynccontextmanager
    async def begin() -> AsyncIterator[AsyncSession]:
        async with run.db.transaction(context) as session:
            yield session

    return Ways(begin, ports.letters, ports.files)


# whoever brings mail has the token, and no key: it is no part of the contract of those who have one
@router.post(
    "/v1/mail-in/{token}",
    dependencies=[public(), body_limit(MAIL_BYTES)],
    include_in_schema=False,
    responses=problems(404),
)
async def bring_mail(token: str, request: Request) -> TakenMailOut:
    """Bring a mail: its bytes (`message/rfc822`), as JSON `{"raw": base64}` or Postmark's `{"RawEmail": …}`, or as a file of a form.

    Whoever is told 200 need not bring it again, whatever became of it.
    """
    run = call_of(request).runtime
    workspace, mailbox_id, number = mailboxes.opened(token, run.secrets)
    ways = _ways(run, Context(workspace=workspace, actor="system"))
    async with ways.begin() as session:
        await mailboxes.require_taking(session, mailbox_id, number)
        if await service.left_of_hour(session, mailbox_id) == 0:
            raise TooManyRequests("This mailbox has had its mail of the hour.", headers={"Retry-After": "600"})
    async with read_file(request, MAIL_BYTES) as read:
        data = await asyncio.to_thread(read.file.read)
        raw = await asyncio.to_thread(_of_json, data) if read.media_type == JSON else data
    if not raw:
        raise Invalid("", "has no mail in it: raw, or RawEmail")
    return TakenMailOut.model_validate(await service.receive(ways, Brought(mailbox_id, raw, len(raw))))


def _of_json(data: bytes) -> bytes | None:
    document = readable(orjson.loads, data)
    if not isinstance(document, dict):
        return None
    plain, packed = document.get("RawEmail"), document.get("raw")
    if isinstance(plain, str):
        return plain.encode("utf-8", "surrogatepass")
    return readable(base64.b64decode, packed) if isinstance(packed, str) else None


@router.get("/v1/received-mails", dependencies=[allow("feedback:read")])
async def list_received_mails(
    session: Db,
    who: Who,
    page: PageQuery,
    outcome: Annotated[list[MailOutcome] | None, Query(description="What became of it.")] = None,
    mailbox_id: Annotated[UUID | None, Query(description="By which it came.")] = None,
) -> Listing[ReceivedMailOut]:
    """List mail that came in and what became of it, newest first."""
    query = queries.received(who.workspace, outcome or (), mailbox_id)
    return (await paginate(session, query, page, by=queries.NEWEST_FIRST)).map(ReceivedMailOut.model_validate)


@router.get("/v1/received-mails/{mail_id}", dependencies=[allow("feedback:read")], responses=problems(404))
async def get_received_mail(mail_id: UUID, session: Db) -> ReceivedMailOut:
    """Show a mail that came in, and what became of it."""
    return ReceivedMailOut.model_validate(await queries.get_received(session, mail_id))


@router.post(
    "/v1/received-mails/{mail_id}/retry",
    dependencies=[allow("feedback:write"), own_idempotency()],
    responses=problems(404, 409),
)
async def retry_received_mail(mail_id: UUID, call: Asked) -> ReceivedMailOut:
    """Try a parked mail again. It is another row then, whatever becomes of it."""
    retried = await service.retry(_ways(call.runtime, call.context), mail_id)
    return ReceivedMailOut.model_validate(retried)
