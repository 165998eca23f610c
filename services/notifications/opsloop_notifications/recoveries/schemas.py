"""HTTP shapes of recoveries."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import InModel, OutModel, Timestamp


class RecoverIn(InModel):
    """From when on to deliver again."""

    since: Timestamp


class JobStarted(OutModel):
    """Long work that has begun; GET /v1/jobs/{id} tells how far it is."""

    job_id: UUID
