"""`/v1/jobs/{id}`: how far long work is."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import JsonValue

from opsloop_common.due import jobs
from opsloop_common.http.deps import Db
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
    async def get_job(job_id: UUID, session: Db) -> JobOut:
        """Show how far a job is."""
        return JobOut.model_validate(await jobs.get_job(session, job_id))

    return routes
