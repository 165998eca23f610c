"""HTTP shapes of templates."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Slug, Timestamp, absent
from opsloop_notifications.shapes import ContentOut, Contents, Data

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class TemplateIn(InModel):
    """A new template. `sample` is data to look at it with."""

    key: Slug
    name: ShortText
    contents: Contents
    sample: Data = Field(default_factory=dict)


class TemplatePatch(InModel):
    """What may change; other contents become the next version."""

    name: ShortText = Field(default_factory=absent)
    contents: Contents = Field(default_factory=absent)
    sample: Data = Field(default_factory=absent)


class TemplateOut(OutModel):
    """A template as it was written last. `published_version`: what messages say; null until one is published."""

    id: UUID
    key: str
    name: str
    contents: list[ContentOut]
    sample: dict[str, Any]
    latest_version: int
    published_version: int | None
    created_at: Timestamp
    updated_at: Timestamp


class VersionOut(OutModel):
    """What a template said in one of its versions."""

    number: int
    contents: list[ContentOut]
    created_by: str
    created_at: Timestamp


class PublishIn(InModel):
    """Which version is sent from now on; an earlier one rolls back."""

    version: Number | None = None


class TemplatePreviewIn(InModel):
    """Which version to look at, null the latest, and with which data, null the sample."""

    version: Number | None = None
    data: Data | None = None


class PreviewedOut(OutModel):
    """One language of one channel. `subject` is the title where it has one; `html` and `preheader` are a mail's, `url` that of others."""

    channel: Literal["email", "inbox", "chat", "sms", "push"]
    locale: str
    subject: str | None
    text: str
    html: str | None
    preheader: str | None
    url: str | None
    warnings: list[str]


class TemplatePreviewOut(OutModel):
    """What a version comes to in all its languages."""

    version: int
    previews: list[PreviewedOut]
