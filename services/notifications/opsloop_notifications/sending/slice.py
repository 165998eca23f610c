"""What sending brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.sending.consumers import WEBHOOKS
from opsloop_notifications.sending.jobs import RECOVER, dispatch_webhooks
from opsloop_notifications.sending.meters import CallMeter
from opsloop_notifications.sending.routes import router

SLICE = Slice(
    "sending",
    routers=(router,),
    subscriptions=(WEBHOOKS,),
    due=(RECOVER,),
    workers=(dispatch_webhooks,),
    meters=(CallMeter,),
)
