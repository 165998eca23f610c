"""HTTP shapes of the event log and the catalogue."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from opsloop_common import limits
from opsloop_common.contracts.known import known_pattern
from opsloop_common.http.schemas import OutModel, parse_duration


def read_patterns(types: str | None) -> list[str]:
    """Return the patterns that a text names, divided by commas."""
    return [name.strip() for name in (types or "").split(",") if name.strip()]


def known_patterns(types: str | None) -> str | None:
    """Return what names patterns; a ValueError for one that covers no event type."""
    for pattern in read_patterns(types):
        known_pattern(pattern)
    return types


def _short(wait: timedelta) -> timedelta:
    if not timedelta() <= wait <= timedelta(seconds=limits.EVENT_WAIT_SECONDS):
        raise ValueError(f"must be between PT0S and PT{limits.EVENT_WAIT_SECONDS:.0f}S")
    return wait


Wait = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_short),
    WithJsonSchema({"type": "string", "format": "duration", "examples": ["PT0S"]}),
]


class EventPage(OutModel):
    """Events, oldest first. `next_cursor` is always there: keep it, and ask with it again later."""

    items: list[dict[str, Any]]
    next_cursor: str
    has_more: bool


class EventTypeOut(OutModel):
    """One type of event: who says it, what it means, and the JSON Schema of its `data`."""

    type: str
    service: str
    version: int
    description: str
    dataschema: str
    data_schema: dict[str, Any] = Field(alias="schema")


class EventTypes(OutModel):
    """All types there are, on one page."""

    items: list[EventTypeOut]
    next_cursor: None
