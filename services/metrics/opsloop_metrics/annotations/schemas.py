"""HTTP shapes of annotations."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent
from opsloop_metrics.annotations.rules import AnnotationSource
from opsloop_metrics.shapes import Link


class AnnotationIn(InModel):
    """What happened, and when."""

    at: Timestamp
    text: ShortText
    link: Link | None = None


class AnnotationPatch(InModel):
    """What to change; fields left out stay."""

    at: Timestamp = Field(default_factory=absent)
    text: ShortText = Field(default_factory=absent)
    link: Link | None = None


class AnnotationOut(OutModel):
    """An annotation. `source` says whether a person wrote it, or the service because of a campaign or release."""

    id: UUID
    at: Timestamp
    text: str
    link: str | None
    source: AnnotationSource
    created_at: Timestamp
    updated_at: Timestamp
