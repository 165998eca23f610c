"""What the reject log brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.rejections import consumers, routes, timers
from opsloop_metrics.rejections.models import Rejection, RejectionMinute

SLICE = Slice(
    "rejections",
    models=(Rejection, RejectionMinute),
    routers=(routes.router,),
    subscriptions=(consumers.ERASURES,),
    due=timers.DUE,
)
