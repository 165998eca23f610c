"""Events of the campaigns service."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from opsloop_common.contracts.envelope import EventData

MessageChannel = Literal["email"]
HeldBy = Literal["playbook_approval", "cause_budget", "playbook_budget", "workspace_budget"]
RECIPIENTS_PER_REQUEST = 500


class Trigger(BaseModel):
    """The event that made a playbook launch the campaign."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: UUID
    type: str


class CampaignEvent(EventData):
    """Base of all events about one campaign."""

    aggregate = "campaign"

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


class MessageContent(BaseModel):
    """What is said, in one locale."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    locale: str
    subject: str
    body: str


class MessageRequested(EventData):
    """A chunk of people is to be told something through a channel.

    Each recipient gets the content of the best matching locale. `message_id` and the user together name one message, so a
    repeated request sends nothing twice.
    """

    type = "message.requested"
    aggregate = "campaign"

    campaign_id: UUID
    message_id: UUID
    channel: MessageChannel
    user_ids: list[str] = Field(max_length=RECIPIENTS_PER_REQUEST)
    contents: list[MessageContent]


EVENTS: tuple[type[EventData], ...] = (
    CampaignApprovalRequested,
    CampaignApproved,
    CampaignLaunched,
    CampaignPaused,
    CampaignFinished,
    CampaignCancelled,
    MessageRequested,
)
