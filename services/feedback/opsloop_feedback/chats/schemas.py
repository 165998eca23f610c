"""HTTP shapes of chats."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import EmailAddress, InModel, Locale, OutModel, ShortText, Timestamp, in_words
from opsloop_feedback.conversations.rules import SaidBy
from opsloop_feedback.submissions.rules import readable

Words = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(readable)]
Key = Annotated[str, *in_words(r"^[A-Za-z0-9-]{8,64}$", "must be 8 to 64 letters, digits and hyphens", longest=64)]


class ChatIn(InModel):
    """What a visitor says first. `team_id` is the team that answers chats: its calendars say when somebody is there."""

    body: Words
    team_id: UUID | None = None
    locale: Locale | None = None
    name: ShortText | None = None
    page: Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(readable)] | None = Field(
        default=None, description="Where the visitor is."
    )


class ChatMessageIn(InModel):
    """What a visitor says next; the same `key` again is the same message."""

    body: Words
    key: Key


class PresenceIn(InModel):
    """That a visitor is there, types, or leaves for good."""

    is_typing: bool = False
    is_leaving: bool = False


class ContactIn(InModel):
    """Where a visitor wants to be answered when they are gone."""

    email: EmailAddress


class ChatMessageOut(OutModel):
    """Something that was said in a chat."""

    id: UUID
    said_by: SaidBy
    body: str
    created_at: Timestamp


class ChatStateOut(OutModel):
    """How a chat stands. `position` is the place in the queue, from 1 on; null once somebody has answered."""

    is_open: bool = Field(description="Whether somebody is there by the team's calendars.")
    opens_at: Timestamp | None
    position: int | None
    staff_is_typing: bool
    has_address: bool
    ended_at: Timestamp | None


class ChatTokenOut(OutModel):
    """What opens this one chat, and until when."""

    token: str
    expires_at: Timestamp


class ChatBegunOut(OutModel):
    """A chat that was begun: `chat_id` is its feedback's id."""

    chat_id: UUID
    number: int
    token: str
    expires_at: Timestamp
    state: ChatStateOut


class ChatShownOut(OutModel):
    """A chat as its visitor sees it, oldest first; of a long one the newest 200."""

    messages: list[ChatMessageOut]
    state: ChatStateOut


class ChatOut(OutModel):
    """A chat as the desk sees it; what was said are its feedback's messages."""

    feedback_id: UUID
    team_id: UUID | None
    said: int = Field(description="How often the visitor said something.")
    visitor_is_typing: bool
    started_at: Timestamp
    seen_at: Timestamp
    ended_at: Timestamp | None
