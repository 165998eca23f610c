"""Use cases of chats: a visitor begins one, both say something, somebody types, and who finds nobody is answered by mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import limits
from opsloop_common.db import clock_of, fire_after_commit
from opsloop_common.errors import Conflict, TooMany, Unauthorized
from opsloop_common.secretbox import SecretBox
from opsloop_common.versions import ANY_VERSION
from opsloop_feedback.authors import service as authors
from opsloop_feedback.calendars import service as calendars
from opsloop_feedback.chats import queries, rules
from opsloop_feedback.chats.models import Chat
from opsloop_feedback.chats.rules import Shift, Sign, Visit
from opsloop_feedback.conversations import rules as conversation_rules
from opsloop_feedback.conversations import service as conversations
from opsloop_feedback.conversations.rules import SaidBy
from opsloop_feedback.intake import service as intake
from opsloop_feedback.items import service as items
from opsloop_feedback.sorting.rules import Sorter
from opsloop_feedback.submissions.rules import Submission
from opsloop_feedback.teams import service as teams

CHANNEL = "widget"
_CONTACT = (
    *("id", "workspace", "source", "locale", "occurred_at", "created_at"),
    *("author_user_id", "author_email", "author_name", "author_verified"),
)
_EXPIRED = "This conversation is no longer open here. Begin another."


@dataclass(frozen=True)
class Said:
    """Something that was said, as its visitor may see it."""

    id: UUID
    said_by: str
    body: str
    created_at: datetime


@dataclass(frozen=True)
class State:
    """How a chat stands for its visitor. `position` counts who waits, this one included; None once there was an answer."""

    is_open: bool
    opens_at: datetime | None
    position: int | None
    staff_is_typing: bool
    has_address: bool
    ended_at: datetime | None


def _sign(box: SecretBox) -> Sign:
    def sign(said: bytes) -> bytes:
        return box.digest(said, purpose="chat visitor")

    return sign


def read_token(token: str | None, *, box: SecretBox, now: datetime) -> Visit:
    """Return what a visitor's token opens; raises Unauthorized for what opens nothing, or nothing any more."""
    visits = (rules.read_token(token or "", _sign(each)) for each in box.with_each_key)
    visit = next(filter(None, visits), None)
    if visit is None or visit.until <= now:
        raise Unauthorized(_EXPIRED, headers={"WWW-Authenticate": "Bearer"})
    return visit


def token_for(session: AsyncSession, chat: Chat, *, box: SecretBox) -> tuple[str, datetime]:
    """Return a token for the visitor of a chat, and until when it is good."""
    until = min(clock_of(session).now() + rules.TOKEN_LIVES, chat.started_at + rules.CHAT_LIVES)
    return rules.token_of(Visit(chat.workspace, chat.feedback_id, until), _sign(box)), until


async def begin_chat(
    session: AsyncSession, said: Submission, *, team_id: UUID | None, sorter: Sorter
) -> tuple[Chat, int]:
    """Take in the first thing that a visitor says, and wait with them for an answer; returns the chat, and its post's number."""
    feedback, _ = await intake.submit(session, said, sorter=sorter)
    now = clock_of(session).now()
    chat = Chat(
        feedback_id=feedback.id, workspace=feedback.workspace, team_id=team_id, said=1, started_at=now, seen_at=now
    )
    session.add(chat)
    await session.flush()  # who asks how it stands reads it in this transaction
    return chat, feedback.number


async def state_of(session: AsyncSession, chat: Chat) -> State:
    """Return how a chat stands for its visitor."""
    now = clock_of(session).now()
    feedback = await items.get_feedback(session, chat.feedback_id)
    there = await _shift(session, chat.team_id, now)
    answered_at = (await conversations.answered_among(session, [chat.feedback_id])).get(chat.feedback_id)
    return State(
        is_open=there.is_open,
        opens_at=there.opens_at,
        position=None if answered_at else await _position(session, chat, now),
        staff_is_typing=rules.is_typing(chat.staff_typed_at, now, said_at=answered_at),
        has_address=feedback.author_email is not None,
        ended_at=chat.ended_at,
    )


async def _shift(session: AsyncSession, team_id: UUID | None, now: datetime) -> Shift:
    found = await teams.find_teams(session, [team_id] if team_id is not None else [])
    if not found:
        return Shift(True, None)
    [team] = found
    named = {UUID(one["calendar_id"]) for one in team.members if one["calendar_id"]}
    if team.calendar_id is not None:
        named.add(team.calendar_id)
    return rules.shift(team.members, team.calendar_id, await calendars.read_calendars(session, named), now)


async def _position(session: AsyncSession, chat: Chat, now: datetime) -> int:
    since = now - rules.THERE_FOR
    earlier = await queries.before(session, chat, since=since, limit=limits.CHATS_COUNTED)
    return 1 + len(earlier) - len(await conversations.answered_among(session, earlier))


async def said_in(session: AsyncSession, feedback_id: UUID, *, after: UUID | None = None) -> Sequence[Said]:
    """Return what was said in a chat, oldest first: of a long one the newest; `after`: only what came after that."""
    feedback = await items.get_feedback(session, feedback_id)
    found = await conversations.said_between(session, feedback, after=after, limit=limits.CHAT_MESSAGES_SHOWN)
    first = [Said(feedback.id, SaidBy.AUTHOR, feedback.body, feedback.created_at)] if after is None else []
    return [*first, *(Said(one.id, one.said_by, one.body, one.created_at) for one in found)]


async def say(session: AsyncSession, feedback_id: UUID, *, body: str, key: str) -> Said:
    """Write down what a visitor says, once by the key that their page gives it; raises Conflict (409) for a chat that is over."""
    chat = await queries.lock_chat(session, feedback_id)
    if chat.ended_at is not None or clock_of(session).now() >= chat.started_at + rules.CHAT_LIVES:
        raise Conflict("This conversation is over. Begin another.")
    name = rules.name_of(feedback_id, key)
    is_known = await conversations.is_said(session, await items.get_feedback(session, feedback_id), name)
    if not is_known and chat.said >= limits.CHAT_MESSAGES:
        raise TooMany(f"A chat takes {limits.CHAT_MESSAGES} messages of its visitor; begin another.")
    message = await conversations.add_from_author(session, feedback_id, body=body, channel=CHANNEL, external_id=name)
    chat.said += not is_known
    chat.visitor_typed_at = None
    chat.seen_at = clock_of(session).now()
    return Said(message.id, message.said_by, message.body, message.created_at)


async def be_there(session: AsyncSession, feedback_id: UUID, *, is_typing: bool, is_leaving: bool) -> Chat:
    """Note that a visitor is there, types, or leaves."""
    chat = await queries.lock_chat(session, feedback_id)
    chat.seen_at = now = clock_of(session).now()
    chat.visitor_typed_at = now if is_typing else None
    if is_leaving and chat.ended_at is None:
        chat.ended_at = now
    return chat


async def hand_over(session: AsyncSession, feedback_id: UUID, *, email: str) -> Chat:
    """Have a visitor answered at an address that they give, which nobody has verified; raises Conflict for one who is known."""
    chat = await queries.get_chat(session, feedback_id)
    feedback = await items.lock_feedback(session, feedback_id)
    if feedback.author_verified:
        raise Conflict("Who says this is known to us, and is reached as the product's server says.")
    await items.change_feedback(session, feedback.id, {"author_email": email}, expected=ANY_VERSION)
    await authors.tell(session, [{name: getattr(feedback, name) for name in _CONTACT}])  # whoever sends mail
    return chat


async def type_as_staff(session: AsyncSession, feedback_id: UUID) -> None:
    """Show the visitor of a feedback's chat, if it has one, that somebody types; raises NotFound for no feedback."""
    await items.get_feedback(session, feedback_id)
    if await queries.find_chat(session, feedback_id) is None:
        return
    chat = await queries.lock_chat(session, feedback_id)
    chat.staff_typed_at = clock_of(session).now()
    fire_after_commit(session, conversation_rules.wakeup(feedback_id))
