"""What pictures bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.pictures.routes import router

SLICE = Slice("pictures", routers=(router,))
