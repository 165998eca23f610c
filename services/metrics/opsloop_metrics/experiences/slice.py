"""What experience brings into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.experiences.routes import router

SLICE = Slice("experiences", routers=(router,))
