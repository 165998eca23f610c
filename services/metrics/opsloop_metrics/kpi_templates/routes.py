"""The HTTP door of ready-made KPIs."""

from __future__ import annotations

from opsloop_common.http.paging import Listing
from opsloop_common.http.routing import ApiRouter, allow
from opsloop_metrics.kpi_templates.rules import TEMPLATES
from opsloop_metrics.kpi_templates.schemas import KpiTemplateOut

router = ApiRouter(tags=["kpis"])


@router.get("/v1/kpi-templates", dependencies=[allow("metrics:read")])
async def list_kpi_templates() -> Listing[KpiTemplateOut]:
    """List the ready-made KPIs; `POST /v1/kpis {"template": key}` takes one."""
    return Listing(items=[KpiTemplateOut.model_validate(template) for template in TEMPLATES], next_cursor=None)
