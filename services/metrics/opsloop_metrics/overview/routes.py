"""What a KPI comes to now, and what its monitors say."""

from __future__ import annotations

from opsloop_common.http.deps import Db
from opsloop_common.http.routing import ApiRouter, allow, problems
from opsloop_metrics.alarms import service as alarms
from opsloop_metrics.kpis import service as kpis
from opsloop_metrics.monitors import service as monitors
from opsloop_metrics.monitors.rules import Seen, worst, worst_window
from opsloop_metrics.muting.rules import Muted
from opsloop_metrics.overview.schemas import MonitorStatus, StatusOut

router = ApiRouter(tags=["kpis"])
READ = allow("metrics:read")


@router.get("/v1/kpis/{key}/status", dependencies=[READ], responses=problems(404))
async def get_kpi_status(key: str, session: Db) -> StatusOut:
    """Read a KPI's value now and what its monitors say."""
    kpi = await kpis.get(session, key)
    seen = await monitors.seen_of(session, kpi.kpi_id)
    muted = await monitors.muted(session, kpi, [monitor.id for monitor in seen])
    return StatusOut(
        key=kpi.key,
        value=await alarms.value_now(session, kpi, worst_window(seen)),
        state=worst([monitor.state for monitor in seen]).value,
        monitors=[_said(monitor, muted.get(monitor.id)) for monitor in seen],
    )


def _said(monitor: Seen, muted: Muted | None) -> MonitorStatus:
    quiet = {"muted_until": muted and muted.until, "muted_by": muted and muted.by, "muted_why": muted and muted.why}
    return MonitorStatus.model_validate(vars(monitor) | quiet)
