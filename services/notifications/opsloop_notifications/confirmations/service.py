"""Ask people whether an address is theirs, and take their answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import clock_of, context_of
from opsloop_common.errors import Conflict, Gone, NotFound
from opsloop_common.ids import uuid7
from opsloop_common.secretbox import SecretBox, Unsealable
from opsloop_notifications.confirmations import rules
from opsloop_notifications.consent.rules import CONFIRMATION
from opsloop_notifications.messages import service as messages
from opsloop_notifications.messages.rules import EMAIL
from opsloop_notifications.recipients import service as recipients

PAGE = "confirm"
_PURPOSE = "confirmation link"


async def ask(session: AsyncSession, user_id: str, *, secrets: SecretBox, public_url: str | None) -> UUID:
    """Send a person the question whether their address is theirs; returns the message's id. Raises NotFound, Conflict."""
    recipient, address = await recipients.ask_for(session, user_id)
    if public_url is None:
        raise Conflict("OPSLOOP_PUBLIC_URL is not set, so no link could lead back to us.")
    workspace, until = context_of(session).workspace, clock_of(session).now() + rules.LIVES
    said = f"{recipient.person_id} {until.isoformat()} {address}"
    token = secrets.seal(said.encode(), purpose=f"{_PURPOSE} {workspace}")
    words = rules.question(f"{public_url.rstrip('/')}/p/{workspace}/{PAGE}?token={token}")
    message_id = uuid7()
    await messages.keep_message(session, message_id, words, topic=CONFIRMATION)
    await messages.tell(session, message_id, EMAIL, [user_id], address=address)
    return message_id


async def confirm(session: AsyncSession, token: str, *, secrets: SecretBox) -> None:
    """Take a person's word that an address is theirs; again it is the same. Raises NotFound, Gone."""
    person_id, email, until = read(session, token, secrets=secrets)
    if clock_of(session).now() > until or not await recipients.confirm(session, person_id, email=email):
        raise Gone("This link has expired, or the address is another by now. 链接已过期，或地址已更改。")


def read(session: AsyncSession, token: str, *, secrets: SecretBox) -> tuple[UUID, str, datetime]:
    """Return whom a link asks about which address, and until when; raises NotFound for what is no link of the workspace."""
    try:
        said = secrets.open(token, purpose=f"{_PURPOSE} {context_of(session).workspace}").decode()
    except Unsealable as error:
        raise NotFound("This link is not complete. 此链接不完整。") from error
    person_id, until, email = said.split(" ", 2)
    return UUID(person_id), email, datetime.fromisoformat(until)
