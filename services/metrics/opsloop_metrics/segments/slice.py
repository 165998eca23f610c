"""What segments bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.segments import consumers, routes, timers
from opsloop_metrics.segments.models import Segment, SegmentMember

SLICE = Slice(
    "segments",
    models=(Segment, SegmentMember),
    routers=(routes.router,),
    subscriptions=(consumers.ERASURES,),
    due=timers.DUE,
)
