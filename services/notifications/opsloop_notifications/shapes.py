"""HTTP shapes that several rooms speak: one event on its way to one endpoint, and matchers on labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from opsloop_common import limits
from opsloop_common.contracts.known import known_pattern
from opsloop_common.documents import is_deeper_than
from opsloop_common.http.schemas import InModel, Locale, OutModel, Timestamp, in_words, said, storable
from opsloop_notifications.headers.rules import (
    HEADER_CHARACTERS,
    HEADER_NAME,
    HEADER_VALUE,
    MOST_HEADERS,
    header_fault,
)
from opsloop_notifications.labels.rules import NAME_PATTERN, Matcher, MatchOp, require_pattern
from opsloop_notifications.wording.rules import BODY_CHARACTERS, CHANNELS, URL_CHARACTERS, is_too_large

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Hour = Annotated[str, *in_words(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "must be a time of day such as 09:00", longest=5)]
LABEL_NAMES = r"^[a-zA-Z_][a-zA-Z0-9_]{0,99}$"

DeliveryState = Literal["pending", "succeeded", "failed", "cancelled"]


class DeliveryOut(OutModel):
    """One event on its way to one endpoint. `event_id` is the `webhook-id` of every attempt."""

    id: UUID
    webhook_id: UUID
    event_id: UUID
    event_type: str
    status: DeliveryState
    failure: str | None
    attempt_count: int
    next_attempt_at: Timestamp | None
    created_at: Timestamp
    finished_at: Timestamp | None


class DigestIn(InModel):
    """How often mails of a topic are gathered into one: each hour, each day `at` a time, each week on a `weekday`; by the person's clock.

    `none`: each goes out by itself.
    """

    every: Literal["none", "hour", "day", "week"]
    at: Hour = "09:00"
    weekday: Weekday = "monday"


class DigestOut(OutModel):
    """How often mails of a topic are gathered into one."""

    every: Literal["none", "hour", "day", "week"]
    at: str
    weekday: Weekday


EventPattern = Annotated[
    str,
    AfterValidator(known_pattern),  # in words; the contract's pattern is for machines
    WithJsonSchema(
        {"type": "string", "maxLength": 100, "pattern": r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$"}
    ),
]


PayloadTemplate = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.PAYLOAD_TEMPLATE_CHARACTERS), AfterValidator(said)
]
"""Liquid that makes JSON of an event."""


def map_contract(*, names: str, most: int, value: Mapping[str, Any]) -> WithJsonSchema:
    """Return what the contract says of an object whose names fit a pattern, and each of whose values such a schema."""
    return WithJsonSchema(
        {
            "type": "object",
            "maxProperties": most,
            "propertyNames": {"pattern": names},
            "additionalProperties": dict(value),
        }
    )


Language = Literal["en", "zh"]
BotSecret = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
RateLimit = Annotated[int, Field(ge=1, le=1000)]
Url = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2048),
    Field(
        json_schema_extra={
            "format": "uri",
            "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://",
            "examples": ["https://example.com/hook"],
        }
    ),
]


def _few(value: object) -> object:
    if isinstance(value, dict) and len(value) > MOST_HEADERS:
        raise ValueError(f"must not be more than {MOST_HEADERS} headers")
    return value


def _given(name: str) -> str:
    if fault := header_fault(name):
        raise ValueError(fault)
    return name


def _once(headers: dict[str, Any]) -> dict[str, Any]:
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError("names a header twice: upper and lower case are alike")
    return headers


def _written(value: str) -> str:
    if not re.fullmatch(HEADER_VALUE, value):
        raise ValueError(f"must be 1 to {HEADER_CHARACTERS:,} visible ASCII characters, with blanks only between them")
    return value


_A_VALUE = {"type": "string", "minLength": 1, "maxLength": HEADER_CHARACTERS, "pattern": f"^{HEADER_VALUE}$"}


def _contract(value: dict[str, Any]) -> WithJsonSchema:
    """Return what the contract says of headers, each of which has such a value."""
    return map_contract(names=f"^{HEADER_NAME}$", most=MOST_HEADERS, value=value)


HeaderName = Annotated[str, AfterValidator(_given)]
HeaderValue = Annotated[str, AfterValidator(_written)]
Headers = Annotated[dict[HeaderName, HeaderValue], BeforeValidator(_few), AfterValidator(_once), _contract(_A_VALUE)]
HeaderChanges = Annotated[
    dict[HeaderName, HeaderValue | Literal[True] | None],
    BeforeValidator(_few),
    AfterValidator(_once),
    _contract({"anyOf": [_A_VALUE, {"type": "boolean", "const": True}, {"type": "null"}]}),
]


MOST_LABELS = 20
LabelName = Annotated[str, StringConstraints(max_length=100, pattern=NAME_PATTERN)]
LabelValue = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(storable)]
Labels = Annotated[
    dict[LabelName, LabelValue],
    Field(max_length=MOST_LABELS),
    map_contract(names=LABEL_NAMES, most=MOST_LABELS, value={"type": "string", "maxLength": 1_000}),
]


class MatcherIn(InModel):
    """A condition on one label: `=`, `!=`, `=~` and `!~`, as Prometheus has them. A label that is missing counts as empty.

    Regular expressions mean the whole value, in RE2's syntax.
    """

    name: LabelName
    op: Literal["=", "!=", "=~", "!~"] = "="
    value: LabelValue

    @model_validator(mode="after")
    def _is_an_expression(self) -> MatcherIn:
        if self.op in ("=~", "!~"):
            require_pattern(self.value)
        return self


class MatcherOut(OutModel):
    """A condition on one label."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


Matchers = Annotated[list[MatcherIn], Field(min_length=1, max_length=20)]


def changes_of(body: InModel, *, mode: Literal["json", "python"] = "python") -> dict[str, Any]:
    """Return what a patch says, by name; what is within it stays whole, with what goes without saying."""
    return {name: value for name, value in body.model_dump(mode=mode).items() if name in body.model_fields_set}


def matchers_of(given: Iterable[MatcherIn]) -> list[Matcher]:
    """Return what was sent as the rules have it."""
    return [Matcher(one.name, MatchOp(one.op), one.value) for one in given]


def _small(data: dict[str, Any]) -> dict[str, Any]:
    if is_deeper_than(data, limits.TEMPLATE_DATA_LEVELS):
        raise ValueError(f"must not be deeper than {limits.TEMPLATE_DATA_LEVELS} levels")
    if len(orjson.dumps(data)) > limits.TEMPLATE_DATA_BYTES:
        raise ValueError(f"must not take more than {limits.TEMPLATE_DATA_BYTES // 1024} KiB")
    return data


Data = Annotated[dict[str, JsonValue], AfterValidator(_small)]
"""What a template is filled with."""
_Line = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(said)]
_Body = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(said)]
_Entry = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]
_Html = Annotated[str, StringConstraints(min_length=1, max_length=BODY_CHARACTERS), AfterValidator(said)]
_Url = Annotated[str, StringConstraints(min_length=1, max_length=URL_CHARACTERS), AfterValidator(storable)]


class MailWordsIn(InModel):
    """A mail: all of it Liquid, the body Markdown besides. `html` stands in the place of what is made from the body, which stays
    the text part; `preheader` is what lists of mails show beside the subject."""

    subject: _Line
    body: _Body
    preheader: _Line | None = None
    html: _Html | None = None


class EntryWordsIn(InModel):
    """An entry of the inbox: all of it Liquid. `url` is an address of the web, or a path of the page that shows the inbox."""

    title: _Line
    body: _Entry
    url: _Url | None = None


class ChatWordsIn(InModel):
    """A message of a chat: all of it Liquid, shown as plain text. `url` is what its button opens."""

    title: _Line | None = None
    body: _Entry
    url: _Url | None = None


class SmsWordsIn(InModel):
    """A text message: Liquid. Providers charge long ones as several."""

    body: _Entry


class ContentIn(InModel):
    """What is said in one language, through the channels that have words for it."""

    locale: Locale
    email: MailWordsIn | None = None
    inbox: EntryWordsIn | None = None
    chat: ChatWordsIn | None = None
    sms: SmsWordsIn | None = None
    push: EntryWordsIn | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ContentIn:
        if all(getattr(self, channel) is None for channel in CHANNELS):
            raise ValueError(f"must say something by one of {', '.join(CHANNELS)}")
        return self


def _apart(contents: list[ContentIn]) -> list[ContentIn]:
    locales = [content.locale.lower() for content in contents]
    if len(set(locales)) < len(locales):
        raise ValueError("must name each locale once")
    if is_too_large(as_kept(contents)):
        raise ValueError(f"must not take more than {limits.TEMPLATE_BYTES // 1024} KiB together")
    return contents


def as_kept(contents: Sequence[ContentIn]) -> list[dict[str, Any]]:
    """Return contents as rooms hand them to each other."""
    return [content.model_dump() for content in contents]


Contents = Annotated[list[ContentIn], Field(min_length=1, max_length=20), AfterValidator(_apart)]
"""A language each; who reads none of them gets the first."""


class MailWordsOut(OutModel):
    """A mail as it was written."""

    subject: str
    body: str
    preheader: str | None
    html: str | None


class EntryWordsOut(OutModel):
    """An entry of the inbox as it was written."""

    title: str
    body: str
    url: str | None


class ChatWordsOut(OutModel):
    """A message of a chat as it was written."""

    title: str | None
    body: str
    url: str | None


class SmsWordsOut(OutModel):
    """A text message as it was written."""

    body: str


class ContentOut(OutModel):
    """What is said in one language."""

    locale: str
    email: MailWordsOut | None
    inbox: EntryWordsOut | None
    chat: ChatWordsOut | None
    sms: SmsWordsOut | None
    push: EntryWordsOut | None

    @model_validator(mode="before")
    @classmethod
    def _with_later_channels(cls, value: Any) -> Any:
        # what was written before there were so many channels names none of the later ones
        return dict.fromkeys(CHANNELS) | value if isinstance(value, dict) else value


class MessageCountsOut(OutModel):
    """How many notifications are in which state."""

    pending: int
    sent: int
    gathered: int
    failed: int
    cancelled: int


class MessageOut(OutModel):
    """A message to people, and how far it is. `paused_at` null: it goes on. `cancelled_at`: nobody gets it from then on.

    `template` null: its words were given at once, or by a campaign.
    """

    id: UUID
    template: str | None
    template_version: int | None
    campaign_id: UUID | None
    topic: str
    is_test: bool
    counts: MessageCountsOut
    created_at: Timestamp
    paused_at: Timestamp | None
    cancelled_at: Timestamp | None


_NONE = {"pending": 0, "sent": 0, "gathered": 0, "failed": 0, "cancelled": 0}


def message_out(message: Any, counts: Mapping[str, int]) -> MessageOut:
    """Return a message with how many of its notifications are in which state."""
    return MessageOut(
        id=message.id,
        template=message.template,
        template_version=message.template_version,
        campaign_id=message.campaign_id,
        topic=message.topic,
        is_test=message.is_test,
        counts=MessageCountsOut(**(_NONE | dict(counts))),
        created_at=message.created_at,
        paused_at=message.paused_at,
        cancelled_at=message.cancelled_at,
    )
