"""Make the links of status pages, show what they lead to, and take answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of, ports_of, settings_of
from opsloop_common.errors import Invalid, NotFound
from opsloop_common.ids import uuid7
from opsloop_feedback.author_links import rules as links
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.conversations.service import FeedbackMessage
from opsloop_feedback.csat import service as csat
from opsloop_feedback.items import service as items
from opsloop_feedback.ports import FeedbackPorts
from opsloop_feedback.settings import FeedbackSettings
from opsloop_feedback.states.rules import Status
from opsloop_feedback.status_pages import rules

PAGE = "feedback"
CHANNEL = "status_page"
SHOWN = 50
ANSWER_CHARACTERS = 10_000


@dataclass(frozen=True)
class StatusPage:
    """What the author sees: how far we are, and the newest of what was said, the oldest of that first. `nonce`: of the form;
    `rating`: what the link of the question carries how satisfied they are, None where nothing is asked.
    """

    number: int
    status: Status
    said: Sequence[FeedbackMessage]
    nonce: str
    rating: str | None


async def link_of(session: AsyncSession, feedback_id: UUID) -> str | None:
    """Return the address of a post's page, None where we have no public one; raises NotFound."""
    feedback = await items.get_feedback(session, feedback_id)
    public_url = settings_of(session, FeedbackSettings).public_url
    if public_url is None:
        return None
    return f"{public_url.rstrip('/')}/p/{feedback.workspace}/{PAGE}?token={token_for(session, feedback.id)}"


def token_for(session: AsyncSession, feedback_id: UUID) -> str:
    """Return what the link of a post's page carries, also of one that is not there: then it leads nowhere."""
    sign = partial(ports_of(session, FeedbackPorts).secrets.digest, purpose=rules.SIGNED)
    return links.token_of(feedback_id, context_of(session).workspace, sign)


def read(session: AsyncSession, token: str) -> UUID:
    """Return the post that a link of the session's workspace is about; raises NotFound for what is no link."""
    boxes = ports_of(session, FeedbackPorts).secrets.with_each_key
    signs = [partial(box.digest, purpose=rules.SIGNED) for box in boxes]
    id = links.read_token(token, context_of(session).workspace, signs)
    if id is None:
        raise NotFound("This link is not complete. 此链接不完整。")
    return id


async def show(session: AsyncSession, feedback_id: UUID) -> StatusPage:
    """Return what a page shows; nothing changes. Raises NotFound."""
    feedback = await items.get_feedback(session, feedback_id)
    said = await conversations.newest_said(session, feedback, limit=SHOWN)
    rating = csat.token_of(session, feedback) if await csat.is_open(session, feedback) else None
    return StatusPage(feedback.number, Status(feedback.status), said[::-1], uuid7().hex, rating)


async def answer(session: AsyncSession, feedback_id: UUID, *, body: str, nonce: str) -> None:
    """Take what the author wrote on the page, once a form; raises NotFound, Invalid (422)."""
    words = body.strip()
    if not words or len(words) > ANSWER_CHARACTERS:
        raise Invalid("/body", f"must have 1 to {ANSWER_CHARACTERS:,} characters")
    if not rules.NONCE.fullmatch(nonce):
        raise Invalid("/nonce", "is not that of a page of ours")
    await conversations.add_from_author(
        session, feedback_id, body=words, channel=CHANNEL, external_id=f"{CHANNEL}/{nonce}"
    )
