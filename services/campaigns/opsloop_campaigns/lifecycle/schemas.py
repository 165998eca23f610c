"""HTTP shapes of campaigns."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from opsloop_campaigns.budgets.rules import HeldBy
from opsloop_campaigns.lifecycle.rules import Status
from opsloop_campaigns.shapes import AudienceIn, AudienceOut, MessageOut, PlainMessages, TriggerOut, unfilled
from opsloop_common.http.schemas import InModel, OutModel, ShortText, Timestamp, absent

PlainName = Annotated[ShortText, AfterValidator(unfilled)]


class CampaignIn(InModel):
    """A new campaign. Audience, messages and start may follow before it is sent for approval."""

    name: PlainName
    audience: AudienceIn = AudienceIn(user_ids=[])
    messages: PlainMessages = Field(default_factory=list)
    schedule_at: Timestamp | None = None


class CampaignPatch(InModel):
    """What to change; fields left out stay."""

    name: PlainName = Field(default_factory=absent)
    audience: AudienceIn = Field(default_factory=absent)
    messages: PlainMessages = Field(default_factory=absent)
    schedule_at: Timestamp | None = None


class StatusIn(InModel):
    """The status to move to. `reason` is kept in the audit log."""

    status: Status
    reason: ShortText | None = None


class CampaignSummary(OutModel):
    """A campaign in a list: without its people and messages.

    `writers` is everybody who wrote any of it, of a playbook's campaign who wrote the playbook; none of them may approve it.
    `held_by` says why a playbook that asks for no approval of its campaigns needs one for this: approving it lets it run.
    """

    id: UUID
    name: str
    status: Status
    audience_size: int
    schedule_at: Timestamp | None
    author: str
    edited_by: str
    writers: list[str]
    approved_by: str | None
    approved_at: Timestamp | None
    playbook_id: UUID | None
    held_by: HeldBy | None
    trigger: TriggerOut | None
    incident_id: str | None
    started_at: Timestamp | None
    finished_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp


class CampaignOut(CampaignSummary):
    """A campaign. `allowed` are the statuses that it can be moved to now."""

    audience: AudienceOut
    messages: list[MessageOut]
    allowed: list[Status]


class ProblemOut(OutModel):
    """Something the campaign lacks."""

    pointer: str
    detail: str


class PreviewOut(OutModel):
    """What would go out, to how many; `problems` name what is missing before it can."""

    campaign_id: UUID
    audience_size: int
    chunks: int
    messages: list[MessageOut]
    problems: list[ProblemOut]
