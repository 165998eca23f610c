"""What objectives bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.objectives.models import CheckIn, KeyResult, Objective
from opsloop_metrics.objectives.routes import router
from opsloop_metrics.objectives.timers import DUE

SLICE = Slice("objectives", models=(Objective, KeyResult, CheckIn), routers=(router,), due=DUE)
