"""HTTP shapes of what became of a campaign's people."""

from __future__ import annotations

from uuid import UUID

from opsloop_campaigns.lifecycle.rules import Status
from opsloop_campaigns.recipients.rules import RecipientOutcome
from opsloop_campaigns.shapes import TriggerOut
from opsloop_common.http.schemas import OutModel, Timestamp


class RecipientOut(OutModel):
    """One person and what became of them. `reason` says why nothing was sent; `at` is when the status was reached."""

    user_id: str
    status: RecipientOutcome
    reason: str | None
    message_id: UUID
    notification_id: UUID | None
    at: Timestamp


class ResultsOut(OutModel):
    """What became of a campaign: `by_status` adds up to `audience_size`.

    `by_locale` counts those whose outcome is known, by the locale of the message that was chosen for them.
    """

    campaign_id: UUID
    status: Status
    audience_size: int
    by_status: dict[RecipientOutcome, int]
    by_reason: dict[str, int]
    by_locale: dict[str, int]
    playbook_id: UUID | None
    trigger: TriggerOut | None
    incident_id: str | None
    started_at: Timestamp | None
    finished_at: Timestamp | None
