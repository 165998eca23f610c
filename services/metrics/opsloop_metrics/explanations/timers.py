"""An incident is explained soon after it opened, by a job: what the event store takes for it holds no connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from opsloop_common.due import DueKind
from opsloop_common.due.jobs import JobRun
from opsloop_metrics.breaches.rules import EXPLAIN_JOB
from opsloop_metrics.explanations import service
from opsloop_metrics.explanations.schemas import ExplanationOut


async def explain_incident(job: JobRun) -> Mapping[str, Any] | None:
    """Find out what explains the job's incident, and keep it with that."""
    incident_id = UUID(job.payload["incident_id"])
    async with job.transaction() as session:
        opened = await service.find_opened(session, incident_id)
    if opened is None:
        return None
    kpi, spans = opened
    async with job.session() if kpi.measure.is_asked else job.transaction() as session:
        explanation = await service.explain(session, kpi, spans)
    async with job.transaction() as session:
        shown = ExplanationOut.of(kpi.key, explanation).model_dump(mode="json", by_alias=True)
        await service.keep(session, incident_id, shown)
    return None


DUE = (DueKind(EXPLAIN_JOB, explain_incident, concurrency=1, long=True, max_attempts=3),)
