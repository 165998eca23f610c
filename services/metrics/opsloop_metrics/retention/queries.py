"""What pruning asks of domain events: loose index scans and short ranges, so its cost grows with what goes, not with what stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import context_of

_TYPES = text(
    "WITH RECURSIVE found AS ((SELECT type FROM domain_event WHERE workspace = :workspace ORDER BY type LIMIT 1) UNION ALL "
    "SELECT (SELECT type FROM domain_event WHERE workspace = :workspace AND type > found.type ORDER BY type LIMIT 1) "
    "FROM found WHERE found.type IS NOT NULL) SELECT type FROM found WHERE type IS NOT NULL"
)
_LONGEST_WINDOW = text(
    'SELECT max(m."window") FROM monitor AS m JOIN kpi AS k ON k.id = m.kpi_id WHERE cardinality(k.event_types) > 0'
)
_FORGET = text(
    "DELETE FROM domain_event WHERE ctid = ANY(ARRAY(SELECT ctid FROM domain_event "
    "WHERE workspace = :workspace AND type = :type AND at < :before ORDER BY at LIMIT :limit))"
)


async def types(session: AsyncSession) -> Sequence[str]:
    """Return the types of the session's workspace's events."""
    return (await session.scalars(_TYPES, {"workspace": context_of(session).workspace})).all()


async def longest_window(session: AsyncSession) -> timedelta | None:
    """Return the longest window that a monitor of the session's workspace has over events; None without any."""
    found: timedelta | None = await session.scalar(_LONGEST_WINDOW)
    return found


async def forget(session: AsyncSession, type: str, before: datetime, *, limit: int) -> int:
    """Delete up to `limit` events of one type that happened before a time; returns how many."""
    given = {"workspace": context_of(session).workspace, "type": type, "before": before, "limit": limit}
    deleted: CursorResult[Any] = await session.execute(_FORGET, given)  # type: ignore[assignment]
    return deleted.rowcount
