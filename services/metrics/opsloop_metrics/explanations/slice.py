"""What explanations bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.explanations.routes import router
from opsloop_metrics.explanations.timers import DUE

SLICE = Slice("explanations", routers=(router,), due=DUE)
