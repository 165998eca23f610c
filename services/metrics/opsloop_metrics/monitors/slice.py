"""What monitors bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.monitors.consumers import EVENTS
from opsloop_metrics.monitors.meters import EvaluationMeter
from opsloop_metrics.monitors.models import Evaluation, Monitor
from opsloop_metrics.monitors.routes import router
from opsloop_metrics.monitors.timers import DUE

SLICE = Slice(
    "monitors",
    models=(Monitor, Evaluation),
    routers=(router,),
    subscriptions=(EVENTS,),
    due=DUE,
    meters=(EvaluationMeter,),
)
