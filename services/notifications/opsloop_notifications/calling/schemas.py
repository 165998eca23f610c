"""HTTP shapes of calls."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from opsloop_common.http.schemas import InModel, OutModel, Timestamp, UserId


class ChannelTestIn(InModel):
    """Whom to call: somebody with a contact of the channel; a chat may be called without anybody."""

    user_id: UserId | None = None


class ChannelTestOut(OutModel):
    """The job (`/v1/jobs/{job_id}`) whose result tells what came of the call."""

    job_id: UUID


class CallAttemptOut(OutModel):
    """One call, and what came of it.

    `outcome`: sent, failed (for good), later (tried again) or gone (a browser that takes nothing any more). `failure`: why no answer came
    (blocked_target, timeout, connection, dns, tls, protocol). `detail`: the provider's words. `provider_id`: how it calls what it took.
    """

    id: UUID
    channel_id: UUID
    contact_id: UUID | None
    attempted_at: Timestamp
    duration_ms: int
    outcome: Literal["sent", "failed", "later", "gone"]
    status_code: int | None
    failure: str | None
    detail: str | None
    provider_id: str | None
