"""`/v1/jobs/{id}`: how far long work is."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import select

from opsloop_common.due.tables import job
from opsloop_common.errors import NotFound
from opsloop_common.http.deps import Db, Who
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import OutModel, Timestamp
from opsloop_common.service import Service


class JobOut(OutModel):
    """Long work: `done` of `total` (null while it is not known), and what came of it."""

    id: UUID
    kind: str
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    done: int
    total: int | None
    result: JsonValue
    error: str | None
    created_by: str
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None


def router(service: Service) -> ApiRouter:
    """Return the route over one service's jobs."""
    routes = ApiRouter(tags=["operations"])

    @routes.get(
        "/v1/jobs/{job_id}",
        dependencies=[allow(*(f"{service.name}:{level}" for level in ("read", "write")))],
        responses=problems(404),
    )
    async def get_job(job_id: UUID, db: Db, who: Who) -> JobOut:
        """Show how far a job is."""
        query = select(job).where(job.c.id == job_id, job.c.workspace == who.workspace)
        row = (await db.execute(query)).one_or_none()
        if row is None:
            raise NotFound("There is no such job.")
        return JobOut.model_validate(row)

    return routes
