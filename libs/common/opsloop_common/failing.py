"""Which due work fails just now, for a person; read through the driver alone, as a command does that loads little."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

SHOWN = 20

_FAILING = (
    "SELECT kind, workspace, key, first_failed_at, last_error FROM due "
    "WHERE first_failed_at IS NOT NULL AND status = 'waiting' ORDER BY first_failed_at LIMIT $1"
)


class Failing(NamedTuple):
    """A row that has failed at each try since a time, and is tried again."""

    kind: str
    workspace: str
    key: str
    first_failed_at: datetime
    last_error: str


async def find_failing(connection: asyncpg.Connection, *, limit: int = SHOWN) -> Sequence[Failing]:
    """Return the rows that fail and go on being tried, the one that fails for longest first."""
    return [Failing(*row) for row in await connection.fetch(_FAILING, limit)]
