"""What the life of campaigns brings into the service."""

from __future__ import annotations

from opsloop_campaigns.lifecycle.meters import HeldMeter, LaunchMeter
from opsloop_campaigns.lifecycle.models import Campaign
from opsloop_campaigns.lifecycle.routes import router
from opsloop_campaigns.lifecycle.timers import DUE
from opsloop_common.service import Slice

SLICE = Slice(
    "lifecycle",
    models=(Campaign,),
    routers=(router,),
    due=DUE,
    meters=(LaunchMeter, HeldMeter),
)
