"""HTTP shapes that several rooms speak: to whom, what is said, because of what."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_campaigns.content import rules
from opsloop_common.http.schemas import InModel, Locale, OutModel, ShortText, UserId, said

Channel = Literal["email"]
MAX_AUDIENCE = 100_000  # with short ids; longer ones meet the 1 MiB of a body first
MAX_LOCALES = 50


def _once(user_ids: list[str]) -> list[str]:
    return list(dict.fromkeys(user_ids))


def _one_line(subject: str) -> str:
    if rules.one_line(subject) != subject.strip():
        raise ValueError("must be one line")
    return subject


def _named(user_ids: list[str]) -> list[str]:
    if any(map(rules.has_placeholder, user_ids)):
        raise ValueError("has a placeholder; an audience names people by their ids, and nothing is filled in")
    return user_ids


def unfilled(text: str) -> str:
    """Return a text that nothing is filled into; a ValueError when it looks as if something should be."""
    if rules.has_placeholder(text):
        raise ValueError("has a placeholder; only a playbook's campaign has something to fill in")
    return text


class AudienceIn(InModel):
    """The people by their ids; one named twice counts once."""

    user_ids: Annotated[list[UserId], Field(max_length=MAX_AUDIENCE), AfterValidator(_once), AfterValidator(_named)]


class AudienceOut(OutModel):
    """The people by their ids, each once."""

    user_ids: list[str]


def fillable(text: str) -> str:
    """Return a text of a playbook; a ValueError when what is to be filled in cannot be."""
    if fault := rules.placeholder_fault(text):
        raise ValueError(fault)
    return text


Subject = Annotated[ShortText, AfterValidator(_one_line)]
Body = Annotated[str, StringConstraints(min_length=1, max_length=rules.BODY_CHARACTERS), AfterValidator(said)]


class MessageIn(InModel):
    """What is said, in one locale. It goes out as it is written."""

    channel: Channel
    locale: Locale
    subject: Annotated[Subject, AfterValidator(unfilled)]
    body: Annotated[Body, AfterValidator(unfilled)]


class TemplateIn(InModel):
    """What is said, in one locale. Placeholders such as `{{ event.data.kpi }}` are filled in from the event."""

    channel: Channel
    locale: Locale
    subject: Annotated[Subject, AfterValidator(fillable)]
    body: Annotated[Body, AfterValidator(fillable)]


class MessageOut(OutModel):
    """What is said, in one locale."""

    channel: Channel
    locale: str
    subject: str
    body: str


class TriggerOut(OutModel):
    """The event that made a playbook launch the campaign."""

    event_id: UUID
    type: str


MessageT = TypeVar("MessageT", MessageIn, TemplateIn)


def _one_per_locale(messages: list[MessageT]) -> list[MessageT]:
    if len({(message.channel, message.locale.lower()) for message in messages}) < len(messages):
        raise ValueError("has two messages for one channel and locale")
    if rules.content_bytes([message.model_dump() for message in messages]) > rules.CONTENT_BYTES:
        raise ValueError(f"takes more than {rules.CONTENT_BYTES // 1024} KiB in all locales together")
    return messages


PlainMessages = Annotated[list[MessageIn], Field(max_length=MAX_LOCALES), AfterValidator(_one_per_locale)]
"""Messages that go out as they are written."""
Templates = Annotated[list[TemplateIn], Field(min_length=1, max_length=MAX_LOCALES), AfterValidator(_one_per_locale)]
"""Messages whose placeholders are filled in from an event."""
