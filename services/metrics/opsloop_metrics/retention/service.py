"""Forget domain events that are older than anything measures."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.db import Context, Database
from opsloop_metrics.retention import queries, rules

BATCH = 2_000


async def forget_old(database: Database, kept: timedelta) -> None:
    """Delete events that happened longer than `kept` ago, in small transactions, each held to one workspace.

    Events count from when they happened, as windows and charts do. Incidents, their ends and reported values stay.
    """
    async with database.work() as session:
        workspaces = await queries.workspaces(session, rules.PRUNE)
    for workspace in workspaces:
        await _forget(database, Context(workspace=workspace), kept)


async def _forget(database: Database, context: Context, kept: timedelta) -> None:
    async with database.work(context) as session:
        types = await queries.types(session)
        before = rules.kept_from(database.clock.now(), kept, await queries.longest_window(session))
    for type in types:
        deleted = BATCH
        while deleted == BATCH:
            async with database.work(context) as session:
                deleted = await queries.forget(session, type, before, limit=BATCH)
