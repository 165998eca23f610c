"""What stands on a dashboard, and how its tiles are answered together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from opsloop_common.errors import DomainError, FieldError, Invalid

MOST_TILES = 24
TILES_AT_ONCE = 3
"""Of one dashboard: each holds a connection while it waits for its turn at the store."""
DASHBOARD_SECONDS = 20.0
"""For all tiles together; what is not answered by then says so, and is often there when it is asked again."""
SLOW = ("too_slow", "This took too long together with the other tiles; ask it alone, or for a shorter time.")


@dataclass(frozen=True, slots=True)
class Tile:
    """What became of one tile: an answer, or why there is none."""

    insight_id: UUID
    width: int
    name: str | None = None
    kind: str | None = None
    answered_at: datetime | None = None
    answer: Mapping[str, Any] | None = None
    error: Mapping[str, str] | None = None


def refusal(error: DomainError) -> dict[str, str]:
    """Return what a tile says whose insight refused to answer."""
    details = "; ".join(f"{each.pointer} {each.detail}" for each in error.errors)
    return {"code": error.code, "detail": details or error.detail}


def require_known(insight_ids: Iterable[UUID], known: Collection[UUID]) -> None:
    """Raise Invalid (422) for tiles of insights that are not there."""
    missing = [place for place, each in enumerate(insight_ids) if each not in known]
    if missing:
        raise Invalid.each(FieldError(f"/tiles/{place}/insight_id", "names no saved insight") for place in missing)
