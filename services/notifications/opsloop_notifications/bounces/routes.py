"""HTTP doors of reports about mails: for the pipe of a mailbox, and for providers."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from starlette.requests import Request

from opsloop_common.errors import UnsupportedMediaType
from opsloop_common.http.body import read_bytes
from opsloop_common.http.deps import Db, Run, Who
from opsloop_common.http.files import begin_with
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, own_idempotency, problems
from opsloop_common.http.schemas import UserId
from opsloop_common.limits import BODY_BYTES
from opsloop_notifications.bounces import queries, service
from opsloop_notifications.bounces.rules import Kind, Source
from opsloop_notifications.bounces.schemas import (
    MailBounceIn,
    MailBouncesIn,
    MailReportOut,
    MailsTakenOut,
    MailTakenOut,
    ReportType,
)

router = ApiRouter(tags=["bounces"])
READ = allow("notifications:read")
REPORT = allow("notifications:report", "notifications:write")
TYPES = ("message/rfc822", "message/global")
_MAIL = {"schema": {"type": "string", "format": "binary"}}
MAIL: dict[str, Any] = {"requestBody": {"required": True, "content": dict.fromkeys(TYPES, _MAIL)}}
_ID = re.compile(r"<?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})", re.IGNORECASE)


# the body is read before the transaction begins: it may take a while to come
@router.post(
    "/v1/mail/reports",
    dependencies=[REPORT, own_idempotency()],
    responses=problems(409, 413, 415),
    openapi_extra=MAIL,
)
async def take_mail_report(request: Request, run: Run) -> MailTakenOut:
    """Take a mail that came back, as a mailbox got it: a delivery status notification or a feedback report, in up to 1 MiB.

    It counts where it carries the signed id of a mail of the workspace. A repetition changes nothing.
    """
    if request.headers.get("content-type", TYPES[0]).partition(";")[0].strip().lower() not in TYPES:
        raise UnsupportedMediaType("Send message/rfc822.", headers={"Accept": ", ".join(TYPES)})
    data = await read_bytes(request, BODY_BYTES)
    session = await begin_with(request, data)
    report = service.read(data)
    if report is None:
        return MailTakenOut(outcome="no_report", type=None, notification_id=None, is_suppressed=False)
    return MailTakenOut.model_validate(await service.take_report(session, report, secrets=run.secrets))


@router.post("/v1/mail/bounces", dependencies=[REPORT])
async def take_mail_bounces(body: MailBouncesIn, session: Db) -> MailsTakenOut:
    """Take what a provider says of mails that it sent for you, up to 200 at once.

    `message_id` is our Message-ID, or the notification's id; where it is none of the workspace's, `recipient` counts. A repetition changes
    nothing.
    """
    said = [
        service.Said(Source.PROVIDER, Kind(each.type), each.at, _named(each), each.recipient, detail=each.detail)
        for each in body.items
    ]
    return MailsTakenOut(items=[MailTakenOut.model_validate(each) for each in await service.take(session, said)])


def _named(bounce: MailBounceIn) -> UUID | None:
    found = _ID.match(bounce.message_id or "")
    return None if found is None else UUID(found[1])


@router.get("/v1/mail/reports", dependencies=[READ])
async def list_mail_reports(
    session: Db,
    who: Who,
    page: PageQuery,
    type: Annotated[ReportType | None, Query()] = None,
    notification_id: Annotated[UUID | None, Query()] = None,
    user_id: Annotated[UserId | None, Query()] = None,
) -> Listing[MailReportOut]:
    """List what was reported about mails, newest first."""
    found = queries.reports(who.workspace, type=type, notification_id=notification_id, user_id=user_id)
    return (await paginate(session, found, page, by=queries.NEWEST_FIRST)).map(MailReportOut.model_validate)
