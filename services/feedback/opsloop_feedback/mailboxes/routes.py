"""The HTTP doors of mailboxes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Asked, Db, IfMatch, Run, Who, set_etag, set_location
from opsloop_common.http.paging import Listing, PageQuery, paginate
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.secretbox import SecretBox
from opsloop_feedback.mailboxes import queries, service
from opsloop_feedback.mailboxes.models import Mailbox
from opsloop_feedback.mailboxes.schemas import MailboxIn, MailboxOut, MailboxPatch, MailboxWithTokenOut
from opsloop_feedback.shapes import changes_of

router = ApiRouter(tags=["mailboxes"])
READ = allow("feedback:read")
WRITE = allow("feedback:write")


def _answer(response: Response, mailbox: Mailbox) -> MailboxOut:
    set_etag(response, mailbox.version)
    return MailboxOut.model_validate(mailbox)


def _with_token(response: Response, mailbox: Mailbox, secrets: SecretBox) -> MailboxWithTokenOut:
    shown = _answer(response, mailbox).model_dump()
    return MailboxWithTokenOut(**shown, mail_in_path=f"/v1/mail-in/{service.token_of(mailbox, secrets)}")


@router.post("/v1/mailboxes", status_code=201, dependencies=[WRITE], responses=problems(409))
async def create_mailbox(body: MailboxIn, session: Db, run: Run, response: Response) -> MailboxWithTokenOut:
    """Add a mailbox. Mail to it becomes posts, and answers of authors."""
    mailbox = await service.create_mailbox(session, body.model_dump(), run.secrets)
    set_location(response, f"/v1/mailboxes/{mailbox.id}")
    return _with_token(response, mailbox, run.secrets)


@router.get("/v1/mailboxes", dependencies=[READ])
async def list_mailboxes(session: Db, who: Who, page: PageQuery) -> Listing[MailboxOut]:
    """List mailboxes, newest first."""
    rows = await paginate(session, queries.mailboxes(who.workspace), page, by=queries.NEWEST_FIRST)
    return rows.map(MailboxOut.model_validate)


@router.get("/v1/mailboxes/{mailbox_id}", dependencies=[READ], responses=problems(404))
async def get_mailbox(mailbox_id: UUID, session: Db, response: Response) -> MailboxOut:
    """Show a mailbox."""
    return _answer(response, await queries.get_mailbox(session, mailbox_id))


@router.patch("/v1/mailboxes/{mailbox_id}", dependencies=[WRITE], responses=problems(404, 412))
async def update_mailbox(
    mailbox_id: UUID, body: MailboxPatch, session: Db, call: Asked, expected: IfMatch, response: Response
) -> MailboxOut:
    """Change how a mailbox is reached, or let it rest. Another host needs the password again."""
    changes: dict[str, Any] = changes_of(body, mode="python")
    if "imap" in changes:
        changes["imap"] = changes_of(body.imap, mode="python")
    secrets = call.runtime.secrets
    mailbox = await service.change_mailbox(session, mailbox_id, changes, expected=expected, secrets=secrets)
    return _answer(response, mailbox)


@router.post("/v1/mailboxes/{mailbox_id}/rotate-token", dependencies=[WRITE], responses=problems(404))
async def rotate_mailbox_token(mailbox_id: UUID, session: Db, run: Run, response: Response) -> MailboxWithTokenOut:
    """Give a mailbox another token; those before it open nothing any more."""
    return _with_token(response, await service.rotate_token(session, mailbox_id), run.secrets)


@router.delete("/v1/mailboxes/{mailbox_id}", status_code=204, dependencies=[WRITE], responses=problems(404, 412))
async def delete_mailbox(mailbox_id: UUID, session: Db, expected: IfMatch) -> None:
    """Throw a mailbox away; what came by it stays."""
    await service.delete_mailbox(session, mailbox_id, expected=expected)
