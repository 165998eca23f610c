"""What evaluation brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.evaluation.consumers import EVENTS
from opsloop_metrics.evaluation.jobs import DUE
from opsloop_metrics.evaluation.meters import EvaluationMeter
from opsloop_metrics.evaluation.models import Evaluation
from opsloop_metrics.evaluation.routes import router

SLICE = Slice(
    "evaluation",
    models=(Evaluation,),
    routers=(router,),
    subscriptions=(EVENTS,),
    due=DUE,
    meters=(EvaluationMeter,),
)
