"""Decisions of chats: whose token opens which, who is still there, and when somebody will be. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from opsloop_common.access.principal import SLUG
from opsloop_common.foreign import readable
from opsloop_feedback.calendars import rules as calendars
from opsloop_feedback.calendars.rules import Calendar

TOKEN_LIVES = timedelta(hours=1)
CHAT_LIVES = timedelta(days=7)
"""So long after it began a chat takes what its visitor says; then they are answered by mail."""
TYPING_LASTS = timedelta(seconds=6)
THERE_FOR = timedelta(minutes=3)
"""A visitor who was not heard of for so long holds nobody up."""

SPEAKERS = {"author": "You · 您", "staff": "Support · 客服"}

Sign = Callable[[bytes], bytes]
_SAID = re.compile(rf"chat_({SLUG[1:-1]})\.([0-9a-f]{{32}})\.([0-9a-f]{{1,12}})\.([0-9a-f]{{64}})")
_MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class Visit:
    """Which chat a token opens, and until when."""

    workspace: str
    feedback_id: UUID
    until: datetime


@dataclass(frozen=True)
class Shift:
    """Whether somebody is there, and if not, when somebody will be; None where nobody says."""

    is_open: bool
    opens_at: datetime | None


def token_of(visit: Visit, sign: Sign) -> str:
    """Return what opens a chat, which only we can make."""
    said = f"chat_{visit.workspace}.{visit.feedback_id.hex}.{int(visit.until.timestamp() * 1000):x}"
    return f"{said}.{sign(said.encode()).hex()}"


def read_token(token: str, sign: Sign) -> Visit | None:
    """Return what a token opens, None for what we did not make; that it has not expired is for the caller to see."""
    match = _SAID.fullmatch(token)
    if match is None or sign(token.rpartition(".")[0].encode()).hex() != match[4]:
        return None
    until = readable(lambda text: datetime.fromtimestamp(int(text, 16) / 1000, UTC), match[3])
    return None if until is None else Visit(match[1], UUID(match[2]), until)


def name_of(feedback_id: UUID, key: str = "") -> str:
    """Return what a visitor's message is called, by the key that their page gives it."""
    return f"chat/{feedback_id}/{key}"


def is_typing(typed_at: datetime | None, now: datetime, *, said_at: datetime | None = None) -> bool:
    """Say whether somebody typed a moment ago, and has not said it since."""
    if typed_at is None or now - typed_at >= TYPING_LASTS:
        return False
    return said_at is None or typed_at > said_at


def shift(team: Sequence[Mapping[str, Any]], own: UUID | None, known: Mapping[UUID, Calendar], now: datetime) -> Shift:
    """Say whether somebody of a team works now, by their own calendars or the team's, and else when the first will."""
    when = [_calendar(one["calendar_id"] or own, known) for one in team if not one["is_away"]]
    if any(calendars.is_open(calendar, now) for calendar in when):
        return Shift(True, None)
    opens = [due - _MOMENT for calendar in set(map(id, when)) if (due := _opens(when, calendar, now)) is not None]
    return Shift(False, min(opens, default=None))


def _opens(when: Sequence[Calendar], number: int, now: datetime) -> datetime | None:
    calendar = next(one for one in when if id(one) == number)
    return calendars.due_at(calendar, now, _MOMENT)


def _calendar(calendar_id: Any, known: Mapping[UUID, Calendar]) -> Calendar:
    # in a team's members ids are texts
    return known.get(UUID(str(calendar_id)), calendars.ALWAYS) if calendar_id is not None else calendars.ALWAYS
