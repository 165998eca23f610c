"""What KPIs bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.kpis.models import Kpi, KpiValue
from opsloop_metrics.kpis.routes import router

SLICE = Slice("kpis", models=(Kpi, KpiValue), routers=(router,))
