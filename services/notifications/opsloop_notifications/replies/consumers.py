"""Hears that somebody is to be answered."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.erasing import is_about_nobody
from opsloop_common.contracts.feedback import ReplyRequested
from opsloop_common.inbox.subscription import Subscription
from opsloop_notifications.replies import service


async def on_reply_requested(session: AsyncSession, event: Event) -> None:
    """Send a reply to the author of a post, unless they were erased since."""
    if not is_about_nobody(event):
        await service.request_reply(session, event.parse(ReplyRequested))


REPLIES = Subscription("notifications.replies", frozenset({ReplyRequested.type}), handler=on_reply_requested)
