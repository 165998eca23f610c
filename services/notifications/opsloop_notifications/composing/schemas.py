"""HTTP shapes of messages to people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from opsloop_common import limits
from opsloop_common.http.schemas import InModel, ShortText, Slug, UserId, at_field
from opsloop_notifications.consent.rules import GENERAL
from opsloop_notifications.shapes import Contents, Data

Channel = Literal["email", "inbox", "chat", "sms", "push"]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


def _each_once(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) < len(channels):
        raise ValueError("must name each channel once")
    return channels


def _by_mail() -> list[Channel]:
    return ["email"]


Channels = Annotated[list[Channel], Field(min_length=1, max_length=5), AfterValidator(_each_once)]


class MessageIn(InModel):
    """What to say to whom: the words of a template's published version (or of the one named), or `contents`; filled with `data`.

    `topic` is what people may want to hear or not (`/v1/notification-topics`). Of those who get it as a digest, messages of one
    `digest_key` are gathered apart.
    """

    template: Slug | None = None
    version: Number | None = None
    contents: Contents | None = None
    data: Data = Field(default_factory=dict)
    user_ids: Annotated[list[UserId], Field(min_length=1, max_length=limits.MESSAGE_PEOPLE)]
    channels: Channels
    topic: Slug = GENERAL
    digest_key: ShortText | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> MessageIn:
        if (self.template is None) == (self.contents is None):
            raise ValueError("must have either template or contents")
        if self.template is None and self.version is not None:
            raise at_field("version", "goes with a template only")
        return self


class TemplateTestIn(InModel):
    """Whom to show a template: somebody who was put among the recipients by hand. `version` null: the latest; `data` null: the sample."""

    user_id: UserId
    channels: Channels = Field(default_factory=_by_mail)
    version: Number | None = None
    data: Data | None = None
