"""The long part of an erasure: the events."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.db import ports_of
from opsloop_common.due.jobs import JobRun
from opsloop_common.due.kinds import DueKind
from opsloop_metrics.people import service
from opsloop_metrics.ports import MetricsPorts


async def erase_events(job: JobRun) -> None:
    """Take the events of an erased person, and of those who were found to be it, out of their store."""
    person_ids = [UUID(id) for id in job.payload["person_ids"]]
    await ports_of(job, MetricsPorts).person_events.erase(job.workspace, person_ids)
    await job.progress(len(person_ids), len(person_ids))


# what somebody has a right to is tried until it is done
DUE = (DueKind(service.ERASE_JOB, erase_events, concurrency=1, long=True, max_attempts=None),)
