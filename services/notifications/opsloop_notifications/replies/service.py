"""Use cases of replies."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.contracts.feedback import ReplyRequested
from opsloop_notifications.consent.rules import REPLY
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.rules import EMAIL


async def request_reply(session: AsyncSession, requested: ReplyRequested) -> None:
    """Make one notification a channel of an answer to somebody; again it is the same."""
    contents = [_said(requested, channel) for channel in requested.channels]
    await messages.keep_message(session, requested.message_id, contents, topic=REPLY, campaign_id=None)
    for channel in requested.channels:
        await messages.tell(session, requested.message_id, channel, [requested.user_id], address=requested.email)


def _said(requested: ReplyRequested, channel: str) -> dict[str, Any]:
    said = {"channel": channel, "locale": requested.locale, "subject": requested.title, "body": requested.body}
    thread = {"reply_to": requested.reply_to, "references": requested.references}
    return said | ({"thread": thread} if channel == EMAIL else {})
