"""What learning brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_feedback.learning import consumers, routes, timers
from opsloop_feedback.learning.models import Correction, TriageModel

SLICE = Slice(
    "learning",
    models=(Correction, TriageModel),
    routers=(routes.router,),
    subscriptions=(consumers.CORRECTIONS,),
    due=timers.DUE,
)
