"""What campaigns bring into the service."""

from __future__ import annotations

from opsloop_campaigns.campaigns.consumers import RESULTS
from opsloop_campaigns.campaigns.jobs import DUE
from opsloop_campaigns.campaigns.meters import HeldMeter, LaunchMeter
from opsloop_campaigns.campaigns.models import Campaign
from opsloop_campaigns.campaigns.routes import router
from opsloop_common.service import Slice

SLICE = Slice(
    "campaigns",
    models=(Campaign,),
    routers=(router,),
    subscriptions=(RESULTS,),
    due=DUE,
    meters=(LaunchMeter, HeldMeter),
)
