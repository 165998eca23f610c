"""The HTTP door of fetching."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_feedback.mail_polling import service
from opsloop_feedback.mail_polling.schemas import MailboxProgressOut
from opsloop_feedback.mailboxes import service as mailboxes

router = ApiRouter(tags=["mailboxes"])


@router.get("/v1/mailboxes/{mailbox_id}/progress", dependencies=[allow("feedback:read")], responses=problems(404))
async def get_mailbox_progress(mailbox_id: UUID, session: Db) -> MailboxProgressOut:
    """Show how fetching from a mailbox goes, and why it does not."""
    await mailboxes.get_mailbox(session, mailbox_id)
    progress = await service.find_progress(session, mailbox_id)
    if progress is not None:
        return MailboxProgressOut.model_validate(progress)
    return MailboxProgressOut(mailbox_id=mailbox_id, failures=0, failure=None, fetched_at=None, next_at=None)
