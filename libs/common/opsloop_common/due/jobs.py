"""Long work with progress: a job row that people can watch, carried by a due row that is claimed while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import Context, Database, clock_of, context_of
from opsloop_common.due.errors import GaveWay
from opsloop_common.due.schedule import cancel, hold_claim, schedule
from opsloop_common.due.tables import job as job_table
from opsloop_common.errors import NotFound
from opsloop_common.ids import uuid7
from opsloop_common.work import Grounds

TURN_SECONDS = 0.5
"""Places are few: of jobs that last for minutes, those of workspaces that came first would keep all others waiting to their ends."""


async def start_job(
    session: AsyncSession, kind: str, payload: Mapping[str, Any] | None = None, *, priority: int = 0
) -> UUID:
    """Queue long work of `kind` with the transaction at hand; returns the id for GET /v1/jobs/{id}."""
    context = context_of(session)
    now = clock_of(session).now()
    job_id = uuid7()
    await session.execute(
        insert(job_table).values(
            id=job_id,
            workspace=context.workspace,
            kind=kind,
            payload=dict(payload or {}),
            created_by=context.actor,
            created_at=now,
        )
    )
    await schedule(session, kind, str(job_id), now, priority=priority)
    return job_id


async def get_job(session: AsyncSession, job_id: UUID) -> Row[Any]:
    """Return a job of the session's workspace; raises NotFound."""
    query = select(job_table).where(job_table.c.id == job_id, job_table.c.workspace == context_of(session).workspace)
    row = (await session.execute(query)).one_or_none()
    if row is None:
        raise NotFound.of("job")
    return row


async def has_unfinished(session: AsyncSession, kind: str, payload: Mapping[str, Any]) -> bool:
    """Say whether the session's workspace has a job of a kind that is not finished, with a payload that has all of this in it."""
    query = select(job_table.c.id).where(
        job_table.c.workspace == context_of(session).workspace,
        job_table.c.kind == kind,
        job_table.c.finished_at.is_(None),
        job_table.c.payload.contains(dict(payload)),
    )
    return await session.scalar(query.limit(1)) is not None


async def cancel_job(session: AsyncSession, job_id: UUID) -> bool:
    """Stop a job of the session's workspace that is not finished; what it committed stays. Says whether there was one."""
    found = await session.execute(
        update(job_table)
        .where(
            job_table.c.id == job_id,
            job_table.c.workspace == context_of(session).workspace,
            job_table.c.finished_at.is_(None),
        )
        .values(status="cancelled", finished_at=clock_of(session).now())
        .returning(job_table.c.kind)
    )
    kind = found.scalar_one_or_none()
    if kind is not None:
        await cancel(session, kind, str(job_id))
    return kind is not None


async def cancel_unfinished(session: AsyncSession, kind: str) -> None:
    """Stop the session's workspace's jobs of a kind that are not finished: what they do is to begin anew."""
    own = (job_table.c.workspace == context_of(session).workspace, job_table.c.kind == kind)
    for job_id in await session.scalars(select(job_table.c.id).where(*own, job_table.c.finished_at.is_(None))):
        await cancel_job(session, job_id)


class LongRun:
    """Long work as its handler sees it, in the row's workspace ("" where the work is the service's)."""

    def __init__(
        self,
        database: Database,
        context: Context,
        claim: tuple[int, UUID],
        places: asyncio.Semaphore,
        *,
        due_at: datetime,
    ) -> None:
        self._database = database
        self._places = places
        self._transacting = asyncio.Lock()
        self._context = context
        self._claim = claim
        self._until = time.monotonic() + TURN_SECONDS
        self.workspace = context.workspace
        self.due_at = due_at

    def give_way(self) -> None:
        """Raise GaveWay when the run has had its turn: for between two steps, once what is done is recorded.

        What runs then has the same `due_at`.
        """
        if time.monotonic() > self._until:
            raise GaveWay

    def put_off(self, until: datetime) -> NoReturn:
        """Raise GaveWay: the run goes on then, and holds no place meanwhile. For between two steps, once what is done is recorded."""
        raise GaveWay(until)

    @property
    def grounds(self) -> Grounds:
        """Return what the work stands on, for `ports_of` and `settings_of`."""
        return self._database.grounds

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """Open a short transaction in the workspace, one at a time, once long work has a connection for it.

        Its commit raises ClaimLost when the work runs elsewhere or was cancelled.
        """
        if self._transacting.locked():  # two runs that each held a place and wanted a second would wait for ever
            raise RuntimeError("long work has one transaction at a time: hand on the session of the one that is open")
        async with self._transacting, self._places, self._database.work(self._context) as session:
            hold_claim(session, *self._claim)
            yield session

    def session(self) -> AsyncSession:
        """Return a session in the workspace that has not begun, for what ends its transaction where it waits (`settle`) and only reads."""
        return self._database.session(self._context)


class JobRun(LongRun):
    """One run of a job, as its handler sees it. `done`, `total` and `state` are where an earlier run stopped."""

    def __init__(
        self,
        database: Database,
        context: Context,
        claim: tuple[int, UUID],
        places: asyncio.Semaphore,
        row: Mapping[str, Any],
        *,
        due_at: datetime,
    ) -> None:
        super().__init__(database, context, claim, places, due_at=due_at)
        self.id: UUID = row["id"]
        self.payload: dict[str, Any] = row["payload"]
        self.done: int = row["done"]
        self.total: int | None = row["total"]
        self.state: dict[str, Any] = row["state"]

    async def progress(
        self,
        done: int,
        total: int | None = None,
        *,
        state: Mapping[str, Any] | None = None,
        session: AsyncSession | None = None,
    ) -> None:
        """Record how far the job is; with `session`, in the transaction of the work itself, so that no step runs twice.

        Within a `transaction` it needs that `session`: there is no second one.
        """
        self.done = done
        self.total = self.total if total is None else total
        self.state = self.state if state is None else dict(state)
        if session is not None:
            await self._record(session)
            return
        async with self.transaction() as own:
            await self._record(own)

    async def _record(self, session: AsyncSession) -> None:
        await session.execute(
            update(job_table)
            .where(job_table.c.id == self.id)
            .values(done=self.done, total=self.total, state=self.state)
        )
