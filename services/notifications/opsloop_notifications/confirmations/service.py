"""Ask people whether an address is theirs, and take their answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
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
from opsloop_notifications.recipients.rules import CONFIRMATION_EVERY
from opsloop_notifications.suppressions.rules import fingerprint

PAGE = "confirm"
_PURPOSE = "confirmation link"
_COUNT = text(
    "INSERT INTO confirmation AS c (workspace, fingerprint, person_id, asked_at, since, asked) "
    "VALUES (:workspace, :fingerprint, :person_id, :now, :now, 1) "
    "ON CONFLICT (workspace, fingerprint) DO UPDATE SET person_id = excluded.person_id, asked_at = excluded.asked_at, "
    "since = CASE WHEN c.since <= :day THEN excluded.since ELSE c.since END, "
    "asked = CASE WHEN c.since <= :day THEN 1 ELSE c.asked + 1 END "
    "WHERE c.asked_at <= :hour AND (c.since <= :day OR c.person_id = excluded.person_id AND c.asked < :most) RETURNING asked"
)
_FORGET = text(
    "DELETE FROM confirmation WHERE workspace = :workspace AND fingerprint IN (SELECT fingerprint FROM confirmation "
    "WHERE workspace = :workspace AND asked_at < :before ORDER BY asked_at LIMIT :limit FOR UPDATE SKIP LOCKED) "
    "RETURNING fingerprint"
)


async def ask(session: AsyncSession, user_id: str, *, secrets: SecretBox, public_url: str | None) -> UUID:
    """Send a person the question whether their address is theirs; returns the message's id. Raises NotFound, Conflict."""
    recipient, address = await recipients.ask_for(session, user_id)
    if public_url is None:
        raise Conflict("OPSLOOP_PUBLIC_URL is not set, so no link could lead back to us.")
    await _count(session, recipient.person_id, address)
    workspace, until = context_of(session).workspace, clock_of(session).now() + rules.LIVES
    said = f"{recipient.person_id} {until.isoformat()} {address}"
    token = secrets.seal(said.encode(), purpose=f"{_PURPOSE} {workspace}")
    words = rules.question(f"{public_url.rstrip('/')}/p/{workspace}/{PAGE}?token={token}")
    message_id = uuid7()
    await messages.keep_message(session, message_id, words, topic=CONFIRMATION)
    await messages.tell(session, message_id, EMAIL, [user_id], address=address)
    return message_id


async def _count(session: AsyncSession, person_id: UUID, address: str) -> None:
    """Count the question for the mailbox, whoever is said to have it; raises Conflict where it was asked enough for now."""
    workspace, now = context_of(session).workspace, clock_of(session).now()
    given = {
        "workspace": workspace,
        "fingerprint": fingerprint(workspace, address),
        "person_id": person_id,
        "now": now,
        "hour": now - CONFIRMATION_EVERY,
        "day": now - rules.DAY,
        "most": rules.A_DAY,
    }
    if (await session.execute(_COUNT, given)).one_or_none() is None:
        raise Conflict("This address was asked often enough for today.")


async def forget_questions(session: AsyncSession, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` counts of mailboxes that were asked before a time and not since; returns how many."""
    given = {"workspace": context_of(session).workspace, "before": before, "limit": limit}
    return len((await session.scalars(_FORGET, given)).all())


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
