"""Forget applied events that cannot come again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

# a day longer than a topic keeps events, so that a full replay still meets every inbox row
_PRUNE = text(
    "DELETE FROM inbox WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox "
    "WHERE applied_at < now() - interval '15 days' LIMIT :limit))"
)


async def prune(session: AsyncSession, *, limit: int) -> int:
    """Delete up to `limit` inbox rows that are older than 15 days; returns how many."""
    pruned: CursorResult[Any] = await session.execute(_PRUNE, {"limit": limit})  # type: ignore[assignment]
    return pruned.rowcount
