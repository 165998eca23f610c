"""HTTP shapes of recipients and of what they want to hear."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from opsloop_common.http.every_service.workspace import TimeZone
from opsloop_common.http.schemas import (
    EmailAddress,
    InModel,
    Locale,
    OutModel,
    ShortText,
    Slug,
    Timestamp,
    absent,
    at_field,
)
from opsloop_notifications.shapes import DigestIn, DigestOut

MAX_PREFERENCES = 500
Channel = Literal["email", "inbox", "chat", "sms", "push"]
SaidState = Literal["unconfirmed", "confirmed"]
State = Literal["unconfirmed", "confirmed", "bounced", "complained"]


def _read_time(value: Any) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and len(value) == 5 and value[2] == ":" and value.isascii():
        hour, minute = value[:2], value[3:]
        if hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60:
            return time(int(hour), int(minute))
    raise ValueError("must be a time of day such as 22:00")


TimeOfDay = Annotated[
    time,
    BeforeValidator(_read_time),
    PlainSerializer(lambda value: f"{value:%H:%M}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]}),
]


class RecipientIn(InModel):
    """Where a person is reached. Without an address nothing can be sent, and each try says so.

    `state` says whether the address is known to be theirs; left out, another address than before counts as confirmed.
    """

    email: EmailAddress | None = None
    locale: Locale | None = None
    name: ShortText | None = None
    time_zone: TimeZone | None = None
    state: SaidState | None = None


class RecipientPatch(InModel):
    """What changes of a person; what is left out stays."""

    email: EmailAddress | None = Field(default_factory=absent)
    locale: Locale | None = Field(default_factory=absent)
    name: ShortText | None = Field(default_factory=absent)
    time_zone: TimeZone | None = Field(default_factory=absent)
    state: SaidState = Field(default_factory=absent)


class ConsentOut(OutModel):
    """How somebody knows that the address is theirs, and since when."""

    source: str
    at: Timestamp


class UnconfirmedOut(OutModel):
    """An address that is only claimed, by the person themselves, signed in, or by whoever visits a page (`by`); nothing goes there."""

    email: str
    source: str
    by: Literal["user", "visitor"]
    at: Timestamp | None


class RecipientOut(OutModel):
    """A person with address and language. `is_by_hand`: they were put here; else they are learned from what others say, and follow it.

    `state` is of the address: an `unconfirmed` one gets nothing but the question whether it is theirs. `consent`: the ground that was
    said for it being `confirmed`. `source`: where the address was learned, `traits` or `feedback/<source of the key>`; `api`: it was
    put. `unconfirmed`: another address that is claimed beside it.
    """

    user_id: str
    email: str | None
    state: State
    consent: ConsentOut | None
    source: str | None
    unconfirmed: UnconfirmedOut | None
    locale: str | None
    name: str | None
    time_zone: str | None
    is_by_hand: bool
    created_at: Timestamp
    updated_at: Timestamp


class QuietHours(InModel):
    """When the person is left alone, every day in their zone: from `start` to before `end`, over midnight where that is earlier."""

    start: TimeOfDay
    end: TimeOfDay

    @model_validator(mode="after")
    def _lasts(self) -> QuietHours:
        if self.start == self.end:
            raise at_field("end", "must not be when it starts")
        return self


class PreferenceIn(InModel):
    """Whether a topic is wanted on a channel, and how often its mails are gathered; null: as the topic says."""

    topic: Slug
    channel: Channel
    is_on: bool
    digest: DigestIn | None = None

    @model_validator(mode="after")
    def _wakes_somebody(self) -> PreferenceIn:
        if self.digest is not None and self.channel == "inbox":
            raise at_field("digest", "must be none in the inbox: what lies there wakes nobody")
        return self


class PreferencesIn(InModel):
    """What a person wants to hear, and when not. What is not named is as the topic says."""

    topics: list[PreferenceIn] = Field(max_length=MAX_PREFERENCES)
    quiet_hours: QuietHours | None = None

    @model_validator(mode="after")
    def _names_each_once(self) -> PreferencesIn:
        if len({(each.topic, each.channel) for each in self.topics}) < len(self.topics):
            raise ValueError("must name each topic once for a channel")
        return self


class PreferenceOut(OutModel):
    """Whether a topic is wanted on a channel."""

    topic: str
    channel: Channel
    is_on: bool
    digest: DigestOut | None


class QuietHoursOut(OutModel):
    """When the person is left alone, every day in their zone."""

    start: TimeOfDay
    end: TimeOfDay


class PreferencesOut(OutModel):
    """What a person said they want to hear, and when they are left alone."""

    user_id: str
    topics: list[PreferenceOut]
    quiet_hours: QuietHoursOut | None
