"""HTTP shapes of dashboards."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent, said
from opsloop_metrics.dashboards.rules import MOST_TILES

Description = Annotated[str, StringConstraints(min_length=1, max_length=2_000), AfterValidator(said)]


class TileIn(InModel):
    """A saved insight, and how many of twelve columns it is wide."""

    insight_id: UUID
    width: Annotated[int, Field(ge=1, le=12)] = 6


Tiles = Annotated[list[TileIn], Field(max_length=MOST_TILES)]


class DashboardIn(InModel):
    """Saved insights to look at together, in this order."""

    name: ShortText
    description: Description | None = None
    tiles: Tiles = Field(default_factory=list)


class DashboardPatch(InModel):
    """What to change; fields left out stay."""

    name: ShortText = Field(default_factory=absent)
    description: Description | None = None
    tiles: Tiles = Field(default_factory=absent)


class TileOut(OutModel):
    """A saved insight, and how many of twelve columns it is wide."""

    insight_id: UUID
    width: int


class DashboardOut(OutModel):
    """A dashboard."""

    id: UUID
    name: str
    description: str | None
    tiles: list[TileOut]
    created_at: Timestamp
    updated_at: Timestamp


class TileErrorOut(OutModel):
    """Why a tile has no answer."""

    code: str
    detail: str


class TileAnswerOut(OutModel):
    """What became of a tile: `answer` as the insight's own door tells it, or `error`. `name` and `kind` are null of one that is gone."""

    insight_id: UUID
    width: int
    name: str | None
    kind: str | None
    answered_at: Timestamp | None
    answer: dict[str, Any] | None
    error: TileErrorOut | None


class DashboardDataOut(OutModel):
    """All tiles of a dashboard, in their order."""

    id: UUID
    name: str
    tiles: list[TileAnswerOut]
