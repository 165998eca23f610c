"""HTTP shapes of the event log and the catalogue."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from opsloop_common.http.schemas import OutModel


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
