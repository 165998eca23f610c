"""What ready-made KPIs bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.kpi_templates.routes import router

SLICE = Slice("kpi_templates", routers=(router,))
