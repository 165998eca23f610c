"""What happens to one campaign."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from opsloop_common.contracts.envelope import EventData

HeldBy = Literal["playbook_approval", "cause_budget", "playbook_budget", "workspace_budget"]


class Trigger(BaseModel):
    """The event that made a playbook launch the campaign."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: UUID
    type: str


class CampaignEvent(EventData):
    """Base of all events about one campaign."""

    aggregate = "campaign"
    route = "/v1/campaigns/{campaign_id}"

    campaign_id: UUID
    name: str


class CampaignApprovalRequested(CampaignEvent):
    """Somebody else should look at the campaign before it runs.

    With `held_by` a playbook wanted to launch it by itself and may not, or not so much: said at most once an hour a playbook,
    for all of its campaigns that wait.
    """

    type = "campaign.approval_requested"

    trigger: Trigger | None = None
    held_by: HeldBy | None = None


class CampaignApproved(CampaignEvent):
    """The campaign may run; `approved_by` is the actor."""

    type = "campaign.approved"

    approved_by: str


class CampaignLaunched(CampaignEvent):
    """The campaign began to run: its recipients are fixed and its messages are going out."""

    type = "campaign.launched"

    trigger: Trigger | None = None
    audience_size: int


class CampaignPaused(CampaignEvent):
    """No further messages go out until it is resumed."""

    type = "campaign.paused"


class CampaignFinished(CampaignEvent):
    """Every recipient has an outcome."""

    type = "campaign.finished"

    sent: int
    failed: int
    finished_at: datetime


class CampaignCancelled(CampaignEvent):
    """The campaign ended before everybody was reached."""

    type = "campaign.cancelled"


EVENTS: tuple[type[EventData], ...] = (
    CampaignApprovalRequested,
    CampaignApproved,
    CampaignLaunched,
    CampaignPaused,
    CampaignFinished,
    CampaignCancelled,
)
