"""What webhooks bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_notifications.webhooks.consumers import WEBHOOKS
from opsloop_notifications.webhooks.jobs import RECOVER, dispatch_webhooks
from opsloop_notifications.webhooks.meters import CallMeter
from opsloop_notifications.webhooks.models import Webhook
from opsloop_notifications.webhooks.routes import router

SLICE = Slice(
    "webhooks",
    models=(Webhook,),
    routers=(router,),
    subscriptions=(WEBHOOKS,),
    due=(RECOVER,),
    workers=(dispatch_webhooks,),
    meters=(CallMeter,),
)
