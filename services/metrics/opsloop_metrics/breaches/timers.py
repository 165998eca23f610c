"""What is read of incidents now and then."""

from __future__ import annotations

from opsloop_common.service import Runtime
from opsloop_metrics.breaches import service
from opsloop_metrics.breaches.meters import IncidentMeter


async def show_open_incidents(runtime: Runtime) -> None:
    """Count the open incidents for `/metrics`."""
    async with runtime.db.transaction() as session:
        counts = await service.open_by_severity(session)
    runtime.db.meters.of(IncidentMeter).show(counts)
