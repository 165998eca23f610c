"""The campaigns service, put together."""

from __future__ import annotations

from opsloop_campaigns.campaigns.consumers import RESULTS
from opsloop_campaigns.campaigns.jobs import DUE as CAMPAIGNS_DUE
from opsloop_campaigns.campaigns.meters import HeldMeter, LaunchMeter
from opsloop_campaigns.campaigns.models import Campaign
from opsloop_campaigns.campaigns.routes import router as campaigns
from opsloop_campaigns.playbooks.consumers import PLAYBOOKS
from opsloop_campaigns.playbooks.jobs import DUE as PLAYBOOKS_DUE
from opsloop_campaigns.playbooks.models import Playbook
from opsloop_campaigns.playbooks.routes import router as playbooks
from opsloop_campaigns.recipients.meters import RecipientMeter
from opsloop_campaigns.recipients.models import Recipient
from opsloop_campaigns.settings import CampaignsSettings
from opsloop_campaigns.tables import Base
from opsloop_common.contracts.campaigns import EVENTS
from opsloop_common.service import Service

TABLES = (Campaign, Recipient, Playbook)  # imported so that the MetaData is complete

SERVICE = Service(
    name="campaigns",
    title="Campaigns",
    metadata=Base.metadata,
    migrations="opsloop_campaigns.migrations",
    scopes=("campaigns:read", "campaigns:write", "campaigns:admin"),
    events=EVENTS,
    routers=(campaigns, playbooks),
    subscriptions=(PLAYBOOKS, RESULTS),
    due=(*CAMPAIGNS_DUE, *PLAYBOOKS_DUE),
    meters=(LaunchMeter, HeldMeter, RecipientMeter),
    settings=CampaignsSettings,
)
