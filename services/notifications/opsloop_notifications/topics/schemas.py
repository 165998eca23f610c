"""HTTP shapes of topics."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from opsloop_common.http.schemas import Duration, InModel, OutModel, ShortText, Slug, Timestamp, absent
from opsloop_notifications.shapes import DigestIn, DigestOut


def _in_bounds(value: timedelta) -> timedelta:
    if not timedelta(minutes=1) <= value <= timedelta(days=30):
        raise ValueError("must lie between PT1M and P30D")
    return value


class ThrottleIn(InModel):
    """How many messages of the topic a person gets at most within a time; further ones are not sent (`throttled`)."""

    count: int = Field(ge=1, le=1_000)
    window: Annotated[Duration, AfterValidator(_in_bounds)]


class TopicIn(InModel):
    """What people may want to hear or not. `is_on`: whether those get it who said nothing.

    `is_critical`: it passes preferences, quiet hours and the throttle, and people cannot unsubscribe from it. `digest`: mails of it are
    gathered for those who said nothing else.
    """

    key: Slug
    name: ShortText
    name_zh: ShortText | None = None
    is_on: bool = True
    is_critical: bool = False
    throttle: ThrottleIn | None = None
    digest: DigestIn | None = None


class TopicPatch(InModel):
    """What changes of a topic; its key stays, since preferences and messages name it."""

    name: ShortText = Field(default_factory=absent)
    name_zh: ShortText | None = Field(default_factory=absent)
    is_on: bool = Field(default_factory=absent)
    is_critical: bool = Field(default_factory=absent)
    throttle: ThrottleIn | None = Field(default_factory=absent)
    digest: DigestIn | None = Field(default_factory=absent)


class ThrottleOut(OutModel):
    """How many messages of the topic a person gets at most within a time."""

    count: int
    window: Duration


class TopicOut(OutModel):
    """What people may want to hear or not."""

    id: UUID
    key: str
    name: str
    name_zh: str | None
    is_on: bool
    is_critical: bool
    throttle: ThrottleOut | None
    digest: DigestOut | None
    created_at: Timestamp
    updated_at: Timestamp
