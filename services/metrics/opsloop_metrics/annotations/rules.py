"""What an annotation is, and what events say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

MOST_CHARACTERS = 200
MOST_SHOWN = 200
"""On one picture: more would be a wall."""


class AnnotationSource(StrEnum):
    """Who noted it: a person, or the service when a campaign was launched or a release published."""

    PERSON = "person"
    CAMPAIGN = "campaign"
    RELEASE = "release"


@dataclass(frozen=True)
class Noted:
    """An annotation as other rooms show it."""

    id: UUID
    at: datetime
    text: str
    link: str | None
    source: AnnotationSource


def text_of(data: Mapping[str, Any], *names: str, otherwise: str) -> str:
    """Return what an event calls its subject, by the first of some fields that says something, cut to what an annotation holds."""
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value.strip():
            said = value.strip()
            return said if len(said) <= MOST_CHARACTERS else said[: MOST_CHARACTERS - 1] + "…"
    return otherwise
