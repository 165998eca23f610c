"""HTTP shapes of what was sent, and of its recovery."""

from __future__ import annotations

from uuid import UUID

from opsloop_common.http.schemas import InModel, OutModel, Timestamp
from opsloop_notifications.shapes import DeliveryOut


class RecoverIn(InModel):
    """From when on to deliver again."""

    since: Timestamp


class JobStarted(OutModel):
    """Long work that has begun; GET /v1/jobs/{id} tells how far it is."""

    job_id: UUID


class AttemptOut(OutModel):
    """One call. `failure` null means success; without a `status_code` no answer came.

    The status line decides; `detail` says why no answer came, or what was wrong with the rest of one that counts.
    """

    number: int
    attempted_at: Timestamp
    duration_ms: int
    status_code: int | None
    failure: str | None
    detail: str | None
    request_headers: dict[str, str]
    response_body: str | None
    next_attempt_at: Timestamp | None


class DeliveryWithAttempts(DeliveryOut):
    """A delivery with its newest 200 attempts, newest first."""

    attempts: list[AttemptOut]
