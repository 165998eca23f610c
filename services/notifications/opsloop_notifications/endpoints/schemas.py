"""HTTP shapes of endpoints."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from opsloop_common.filters import Filter
from opsloop_common.http.schemas import Duration, FilterTermOut, InModel, OutModel, ShortText, Timestamp, absent
from opsloop_notifications.shapes import (
    BotSecret,
    EventPattern,
    HeaderChanges,
    Headers,
    Language,
    PayloadTemplate,
    RateLimit,
    Url,
)

EventTypes = Annotated[list[EventPattern], Field(min_length=1, max_length=100)]
Format = Literal["cloudevents", "alertmanager", "slack", "teams", "feishu", "dingtalk", "wecom", "pagerduty"]
About = Literal["events", "alerts"]
Ordering = Literal["none", "stream"]
Secret = Annotated[str, StringConstraints(max_length=100)]
SignatureKind = Literal["v1", "v1a", "both"]


class WebhookIn(InModel):
    """A new endpoint. `secret` is made when it is not given.

    All terms of `filter` have to hold: conditions, regular expressions (`regex`, RE2's syntax), groups `all` and `any` of them, two levels
    deep. `headers` are sent with each call, such as an `Authorization`; their values are never shown again. `rate_limit`: at most so many
    calls a second, of each process that sends; unless it is said, bots get what their makers allow. `signature`: `v1` is HMAC-SHA256 with
    `secret`, `v1a` Ed25519, which is verified with `public_key`; it is changed by `rotate-secret`. `ordering` stream: the events of each
    stream (`source` and `partitionkey`) come one after the other, by `sequence`: the next when the one before it succeeded or was given up.
    `payload_template`: Liquid that makes JSON of each `event`, which is sent in its place, in format `cloudevents`; see `preview`.
    `handshake`: before it is enabled it is asked for its consent (OPTIONS with WebHook-Request-Origin), in format `cloudevents`.

    `about` alerts: it gets alerts in groups, as routes say; `event_types` are those that alerts come from, `alert.triggered` for those
    that no event led to. Format `cloudevents` is about events, `alertmanager` (the document of its webhook, version 4) about alerts, the
    others about either: `slack`, `teams`, `feishu`, `dingtalk`, `wecom` and `pagerduty` (Events API v2) get messages for people, in their
    own protocols, in `language` (the workspace's, unless it is said). Their addresses are secrets and not shown again, but PagerDuty's.
    `bot_secret`: what signs calls of `feishu` and `dingtalk`, the routing key of `pagerduty`; it is never shown. `secret` signs calls of
    `cloudevents` and `alertmanager`.
    """

    url: Url
    event_types: EventTypes = Field(default_factory=lambda: ["*"])
    filter: Filter = Field(default_factory=list)
    format: Format = "cloudevents"
    about: About | None = None
    language: Language | None = None
    ordering: Ordering = "none"
    payload_template: PayloadTemplate | None = None
    rate_limit: RateLimit | None = None
    description: ShortText | None = None
    headers: Headers = Field(default_factory=dict)
    handshake: bool = False
    bot_secret: BotSecret | None = None
    signature: SignatureKind = "v1"
    secret: Secret | None = None


class WebhookPatch(InModel):
    """What may change; what is left out stays, also of `headers`: those that are named are set, stay by true and go by null.

    So does a `bot_secret` of true, and a `url` that is sent back as it was shown.
    """

    url: Url = Field(default_factory=absent)
    event_types: EventTypes = Field(default_factory=absent)
    filter: Filter = Field(default_factory=absent)
    format: Format = Field(default_factory=absent)
    about: About = Field(default_factory=absent)
    language: Language = Field(default_factory=absent)
    ordering: Ordering = Field(default_factory=absent)
    payload_template: PayloadTemplate | None = None
    rate_limit: RateLimit | None = None
    description: ShortText | None = None
    headers: HeaderChanges = Field(default_factory=absent)
    handshake: bool = Field(default_factory=absent)
    bot_secret: BotSecret | Literal[True] | None = None
    status: Literal["enabled", "disabled"] = Field(default_factory=absent)


class WebhookOut(OutModel):
    """An endpoint. Of `headers` the names are shown; their values are secrets, and so is what comes after the host of most bots' `url`.

    `source`: it is told of the states of that source's posts alone, and of them what a partner may know; null: of all.
    `bot_secret` is true where there is one.
    `public_key` (`whpk_`) verifies `v1a`; `/p/{workspace}/webhooks/{id}/jwks.json` has it for everybody, in a rotation the old one too.
    `disabled_reason`: manual, paused (by its receiver, on the page of a link), gone (it answered 410), failing (nothing succeeded
    for five days), asking (for its consent) or refused: `refused_detail` says why. `allowed_rate`: so many calls a minute it consented to.
    """

    id: UUID
    source: str | None
    url: str
    event_types: list[str]
    filter: list[FilterTermOut]
    format: str
    about: About
    language: Language
    ordering: str
    payload_template: str | None
    rate_limit: int | None
    description: str | None
    headers: dict[str, Literal[True]]
    handshake: bool
    consented_at: Timestamp | None
    allowed_rate: int | None
    refused_detail: str | None
    bot_secret: Literal[True] | None
    status: Literal["enabled", "disabled"]
    disabled_reason: str | None
    failing_since: Timestamp | None
    signature: SignatureKind
    public_key: str | None
    previous_expires_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class WebhookWithSecret(WebhookOut):
    """An endpoint with its secret, shown this once; null where calls are signed by `v1a` alone."""

    secret: str | None


class RotateIn(InModel):
    """How long the old keys go on signing beside the new ones, at most 7 days; `signature` stays as it is unless said."""

    grace: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=7))] = timedelta(hours=24)
    signature: SignatureKind | None = None
    secret: Secret | None = None
