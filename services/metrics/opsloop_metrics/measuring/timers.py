"""KPIs are measured in turns of a minute."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.due import DueKind, LongRun
from opsloop_metrics.kpis.service import MEASURE
from opsloop_metrics.measuring import service


async def measure_kpis(run: LongRun) -> None:
    """Measure the KPIs of the run's workspace whose turn has come."""
    await service.measure_all(run)


DUE = (DueKind(MEASURE, measure_kpis, every=timedelta(minutes=1), per="workspace", concurrency=2, long=True),)
