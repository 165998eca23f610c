"""What paths bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.paths.routes import router

SLICE = Slice("paths", routers=(router,))
