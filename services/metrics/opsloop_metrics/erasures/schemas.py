"""HTTP shapes of erasures."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import OutModel


class ErasureStarted(OutModel):
    """The person is erased; the job takes its events."""

    job_id: UUID
