"""What the periods of KPIs bring into the service."""

from __future__ import annotations

from opsloop_common.service import Slice
from opsloop_metrics.kpi_periods.models import KpiMeasurement

SLICE = Slice("kpi_periods", models=(KpiMeasurement,))
