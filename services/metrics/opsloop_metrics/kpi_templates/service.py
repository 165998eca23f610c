"""Take a ready-made KPI."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common import workspaces
from opsloop_metrics.kpi_templates import rules
from opsloop_metrics.saved_insights import service as saved_insights


async def filled_in(
    session: AsyncSession,
    template: str,
    *,
    measure: Mapping[str, Any] | None,
    fields: Mapping[str, Any],
    given: Collection[str],
) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return a template's key, and the measure and fields with what it says of all that was not given.

    An insight that it asks is kept. Raises Invalid for what it lacks.
    """
    made = rules.get(template)
    rules.require_ready(made, measure)
    locale = (await workspaces.get(session)).locale
    own = {"name": made.name_in(locale), "unit": made.unit_in(locale), "direction": made.direction}
    fields = dict(fields) | {name: value for name, value in own.items() if name not in given}
    if measure is None and made.insight is not None:
        insight = await saved_insights.create_insight(
            session, name=fields["name"], description=None, kind=made.insight.kind, query=made.insight.query
        )
        await session.flush()
        measure = {"type": "insight", "insight_id": str(insight.id)} | dict(made.measure or {})
    return made.key, measure or made.measure or {}, fields
