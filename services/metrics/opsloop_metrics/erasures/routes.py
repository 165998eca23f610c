"""The HTTP door of erasures."""

from __future__ import annotations

from fastapi import Response

from opsloop_common.http.deps import Db, IfMatch, set_location
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_common.http.schemas import UserId
from opsloop_metrics.erasures import service
from opsloop_metrics.erasures.schemas import ErasureStarted

router = ApiRouter(tags=["users"])


@router.delete(
    "/v1/users/{user_id:path}", status_code=202, dependencies=[allow("metrics:write")], responses=problems(404, 412)
)
async def erase_user(user_id: UserId, session: Db, expected: IfMatch, response: Response) -> ErasureStarted:
    """Erase a person: profile, ids and memberships at once, events by the job. What is sent again of its ids is refused."""
    job_id = await service.erase_user(session, user_id, expected=expected)
    set_location(response, f"/v1/jobs/{job_id}")
    return ErasureStarted(job_id=job_id)
