"""HTTP doors of what is delivered again."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from opsloop_common.http.deps import Db, set_location
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_notifications.recoveries import service
from opsloop_notifications.recoveries.schemas import JobStarted, RecoverIn

router = ApiRouter(tags=["webhooks"])
WRITE = allow("notifications:write")


@router.post("/v1/webhooks/{webhook_id}/recover", status_code=202, dependencies=[WRITE], responses=problems(404, 409))
async def recover_webhook(webhook_id: UUID, body: RecoverIn, session: Db, response: Response) -> JobStarted:
    """Deliver again what failed or was cancelled since a time, and what was never delivered, as far as the log goes back.

    In the order of the events, one call after the other, beside what is new: slowly at first, then 20 a second, or as many as its
    `rate_limit` says; ever more seldom while the endpoint fails. The job's `done` says how many were queued.
    """
    return _started(response, await service.start(session, webhook_id, body.since, untried_only=False))


@router.post(
    "/v1/webhooks/{webhook_id}/replay-missing", status_code=202, dependencies=[WRITE], responses=problems(404, 409)
)
async def replay_missing_of_webhook(webhook_id: UUID, body: RecoverIn, session: Db, response: Response) -> JobStarted:
    """Deliver what happened since a time, is covered by `event_types` and `filter` as they are now, and was never tried.

    As slowly and in the same order as `recover` does.
    """
    return _started(response, await service.start(session, webhook_id, body.since, untried_only=True))


@router.post(
    "/v1/webhooks/{webhook_id}/recoveries/{job_id}/stop", status_code=204, dependencies=[WRITE], responses=problems(404)
)
async def stop_recovery(webhook_id: UUID, job_id: UUID, session: Db) -> None:
    """Stop a `recover` or `replay-missing` by the id of its job; what it queued so far, some seconds' worth, still goes out."""
    await service.stop(session, webhook_id, job_id)


def _started(response: Response, job_id: UUID) -> JobStarted:
    set_location(response, f"/v1/jobs/{job_id}")
    return JobStarted(job_id=job_id)
