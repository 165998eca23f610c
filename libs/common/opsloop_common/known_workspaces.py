"""Which workspaces a service knows, so that regular work can be done for each of them.

Whoever signs in and whatever event arrives names one: both are noted here, with one small statement a workspace, day and
process, never in a request's own transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Column, DateTime, MetaData, Table, Text, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from opsloop_common.clock import Clock
from opsloop_common.plumbing import metadata

NOTED_FOR = timedelta(days=1)
TRY_AGAIN_AFTER = timedelta(minutes=1)
NOTE_SECONDS = 1.0  # nobody waits longer for a note
QUIET_FOR = timedelta(days=90)

known_workspace = Table(
    "known_workspace",
    metadata,
    Column("name", Text, primary_key=True),
    Column("seen_at", DateTime(timezone=True), nullable=False, comment="to within a day"),
    comment="the workspaces for which this service has regular work to do",
)

_NOTE = text(
    "INSERT INTO known_workspace AS k (name, seen_at) VALUES (:name, :now) "
    "ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at WHERE k.seen_at < excluded.seen_at"
)

log = structlog.get_logger(__name__)


class KnownWorkspaces:
    """Notes the workspaces that one process meets."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._noted_until: dict[str, datetime] = {}

    async def note(self, workspace: str) -> None:
        """Write a workspace down unless that was done within the day; never fails, and tries again a minute later."""
        now = self._clock.now()
        until = self._noted_until.get(workspace)
        if until is not None and until > now:
            return
        self._noted_until[workspace] = now + TRY_AGAIN_AFTER  # first: of a hundred requests at once one writes
        try:
            async with asyncio.timeout(NOTE_SECONDS), self._engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(_NOTE, {"name": workspace, "now": now})
            self._noted_until[workspace] = now + NOTED_FOR
        except (SQLAlchemyError, OSError) as error:  # a full disk or a standby must not keep a request from its work
            log.info("workspace not noted", error=type(error).__name__)


# its plumbing that says that somebody may still come; what is audited stays, and brings nobody back
_IN_USE = (
    "EXISTS (SELECT FROM api_key WHERE workspace = :name AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now))",
    "EXISTS (SELECT FROM due WHERE workspace = :name AND key <> '@every')",
    "EXISTS (SELECT FROM parked_event WHERE workspace = :name)",
)


async def forget_if_empty(session: AsyncSession, name: str, *, tables: Sequence[str], now: datetime) -> bool:
    """Forget a workspace that nobody has come to for 90 days and of which no row is left in `tables`; says whether it was.

    The session is in that workspace. What is there keeps it known, so that regular work goes on for as long as there is any.
    """
    left = [f'EXISTS (SELECT FROM "{table}" WHERE workspace = :name)' for table in tables]
    reasons = " OR ".join([*_IN_USE, *left])
    statement = (
        f"DELETE FROM known_workspace WHERE name = :name AND seen_at < :before AND NOT ({reasons}) RETURNING name"  # noqa: S608 tables' names
    )
    found = await session.execute(text(statement), {"name": name, "now": now, "before": now - QUIET_FOR})
    return found.first() is not None


def tables_of(metadata: MetaData) -> list[str]:
    """Return the tables of a service in which a workspace can have rows."""
    return sorted(table.name for table in metadata.tables.values() if "workspace" in table.c)
