"""What sending brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.meters import CallMeter
from opsloop_notifications.sending.routes import router
from opsloop_notifications.sending.timers import dispatch_webhooks

SLICE = Slice(
    "sending",
    routers=(router,),
    subscriptions=(WEBHOOKS,),
    loops=(dispatch_webhooks,),
    meters=(CallMeter,),
)
