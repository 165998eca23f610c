"""Events of the campaigns service: a module a room, all of them here by name."""

from __future__ import annotations

from opsloop_common.contracts.campaigns import lifecycle, sending
from opsloop_common.contracts.campaigns.lifecycle import (
    CampaignApprovalRequested,
    CampaignApproved,
    CampaignCancelled,
    CampaignEvent,
    CampaignFinished,
    CampaignLaunched,
    CampaignPaused,
    HeldBy,
    Trigger,
)
from opsloop_common.contracts.campaigns.sending import (
    RECIPIENTS_PER_REQUEST,
    MessageChanged,
    MessageChannel,
    MessageContent,
    MessageRequested,
)
from opsloop_common.contracts.envelope import EventData

EVENTS: tuple[type[EventData], ...] = (
    *lifecycle.EVENTS,
    *sending.EVENTS,
)

__all__ = [
    "EVENTS",
    "RECIPIENTS_PER_REQUEST",
    "CampaignApprovalRequested",
    "CampaignApproved",
    "CampaignCancelled",
    "CampaignEvent",
    "CampaignFinished",
    "CampaignLaunched",
    "CampaignPaused",
    "HeldBy",
    "MessageChanged",
    "MessageChannel",
    "MessageContent",
    "MessageRequested",
    "Trigger",
]
