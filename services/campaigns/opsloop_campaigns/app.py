"""The campaigns service, put together."""

from __future__ import annotations

from opsloop_campaigns.lifecycle import slice as lifecycle
from opsloop_campaigns.playbooks import slice as playbooks
from opsloop_campaigns.recipients import slice as recipients
from opsloop_campaigns.sending import slice as sending
from opsloop_campaigns.settings import CampaignsSettings
from opsloop_campaigns.tables import Base
from opsloop_common.contracts.campaigns import EVENTS
from opsloop_common.service import Service

SERVICE = Service(
    name="campaigns",
    title="Campaigns",
    metadata=Base.metadata,
    migrations="opsloop_campaigns.migrations",
    scopes=("campaigns:read", "campaigns:write", "campaigns:admin"),
    events=EVENTS,
    slices=(
        lifecycle.SLICE,
        sending.SLICE,
        playbooks.SLICE,
        recipients.SLICE,
    ),
    self_approval=True,
    settings=CampaignsSettings,
)
