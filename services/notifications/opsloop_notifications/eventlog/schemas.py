"""HTTP shapes of the event log and the catalogue."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from opsloop_common.contracts.known import known_pattern
from opsloop_common.http.schemas import OutModel


def read_patterns(types: str | None) -> list[str]:
    """Return the patterns that a text names, divided by commas."""
    return [name.strip() for name in (types or "").split(",") if name.strip()]


def known_patterns(types: str | None) -> str | None:
    """Return what names patterns; a ValueError for one that covers no event type."""
    for pattern in read_patterns(types):
        known_pattern(pattern)
    return types


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
