"""HTTP shapes of channels."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from opsloop_common import limits
from opsloop_common.documents import is_deeper_than
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, said
from opsloop_notifications.shapes import BotSecret, HeaderChanges, Headers, Language, RateLimit, Url

KindName = Literal["slack", "teams", "feishu", "dingtalk", "wecom", "web_push", "sms_http"]
Subject = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^(mailto:[!-~]+@[!-~]+|https://[!-~]+)$"), AfterValidator(said)
]
FieldPath = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,7}$")
]
FieldValue = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(said)]
FieldValues = Annotated[list[FieldValue], Field(max_length=20)]
HttpStatus = Annotated[int, Field(ge=200, le=299)]


def _small(body: dict[str, Any]) -> dict[str, Any]:
    if is_deeper_than(body, limits.SMS_TEMPLATE_LEVELS):
        raise ValueError(f"must not be deeper than {limits.SMS_TEMPLATE_LEVELS} levels")
    if len(orjson.dumps(body)) > limits.SMS_TEMPLATE_BYTES:
        raise ValueError(f"must not take more than {limits.SMS_TEMPLATE_BYTES // 1024} KiB")
    return body


class SmsIn(InModel):
    """How a provider of SMS is asked, and its answer read.

    `body`: a JSON object each of whose texts is Liquid that knows `to`, `text`, `id` (the same on every try) and `sent_at`. It is sent as
    JSON, as a form, or with GET in the address. Of a 2xx in `success_statuses`, where `success_field` names a field of the answer
    (`data.0.code`), what stands there must be among `success_values`; `busy_values` are tried again, anything else failed.
    """

    method: Literal["POST", "GET"] = "POST"
    content_type: Literal["json", "form"] = "json"
    body: Annotated[
        dict[Annotated[str, StringConstraints(max_length=100)], JsonValue], Field(min_length=1), AfterValidator(_small)
    ]
    success_statuses: Annotated[list[HttpStatus], Field(min_length=1, max_length=20)] = Field(
        default_factory=lambda: [200, 201, 202, 204]
    )
    success_field: FieldPath | None = None
    success_values: FieldValues = Field(default_factory=list)
    busy_values: FieldValues = Field(default_factory=list)
    id_field: FieldPath | None = None


class ChannelIn(InModel):
    """A new channel.

    Chats (`slack`, `teams`, `feishu`, `dingtalk`, `wecom`) are called at the `url` of a bot or workflow, which is a secret; `secret` signs
    calls of `feishu` and `dingtalk`. `web_push` gets a key pair, whose public half browsers subscribe with; `subject` is whom push services
    may write to (`mailto:` or `https:`). `sms_http` is any provider with an HTTP API: `url`, `headers` and `sms`. `language`: of buttons.
    `rate_limit`: at most so many calls a second, of each process; unless it is said, chats get what their makers allow.
    """

    kind: KindName
    name: ShortText
    url: Url | None = None
    secret: BotSecret | None = None
    headers: Headers = Field(default_factory=dict)
    language: Language | None = None
    subject: Subject | None = None
    sms: SmsIn | None = None
    rate_limit: RateLimit | None = None


class ChannelPatch(InModel):
    """What may change; what is left out stays, also of `headers`: those that are named are set, stay by true and go by null.

    So does a `secret` of true, and a `url` that is sent back as it was shown.
    """

    name: ShortText = Field(default_factory=absent)
    url: Url | None = Field(default_factory=absent)
    secret: BotSecret | Literal[True] | None = None
    headers: HeaderChanges = Field(default_factory=absent)
    language: Language = Field(default_factory=absent)
    subject: Subject | None = Field(default_factory=absent)
    sms: SmsIn | None = Field(default_factory=absent)
    rate_limit: RateLimit | None = None
    status: Literal["enabled", "disabled"] = Field(default_factory=absent)


class SmsOut(OutModel):
    """How a provider of SMS is asked, and its answer read."""

    method: Literal["POST", "GET"]
    content_type: Literal["json", "form"]
    body: dict[str, Any]
    success_statuses: list[int]
    success_field: str | None
    success_values: list[str]
    busy_values: list[str]
    id_field: str | None


class ChannelOut(OutModel):
    """A channel. Of its `url` the path is not shown; values of `headers` and the secret are not, they say true where there is one.

    `channel` is how messages call it. `public_key`: what browsers subscribe with (`applicationServerKey`).
    """

    id: UUID
    kind: KindName
    channel: Literal["chat", "sms", "push"]
    name: str
    status: Literal["enabled", "disabled"]
    language: Language
    url: str | None
    secret: Literal[True] | None
    headers: dict[str, Literal[True]]
    public_key: str | None
    subject: str | None
    sms: SmsOut | None
    rate_limit: int | None
    created_at: Timestamp
    updated_at: Timestamp
