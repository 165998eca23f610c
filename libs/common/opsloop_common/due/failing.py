"""Which due work fails just now, for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from opsloop_common.db import Database
from opsloop_common.due.tables import due

SHOWN = 20


class Failing(NamedTuple):
    """A row that has failed at each try since a time, and is tried again."""

    kind: str
    workspace: str
    key: str
    first_failed_at: datetime
    last_error: str


async def find_failing(database: Database, *, limit: int = SHOWN) -> Sequence[Failing]:
    """Return the rows that fail and go on being tried, the one that fails for longest first."""
    query = (
        select(due.c.kind, due.c.workspace, due.c.key, due.c.first_failed_at, due.c.last_error)
        .where(due.c.first_failed_at.is_not(None), due.c.status == "waiting")
        .order_by(due.c.first_failed_at)
        .limit(limit)
    )
    async with database.transaction() as session:
        return [Failing(*row) for row in await session.execute(query)]
