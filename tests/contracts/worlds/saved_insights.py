"""A saved insight that is answered without an event store, a dashboard that shows it, an annotation."""

from __future__ import annotations

from typing import Any

from pydantic import RootModel
from sqlalchemy.ext.asyncio import AsyncSession

from opsloop_common.db import ports_of
from opsloop_common.http.schemas import InModel, ShortText
from opsloop_common.testing.http import Api
from opsloop_metrics.ports import Insight, MetricsPorts
from tests.contracts.worlds.world import PATH, SAID, World, post

SERIES = {"name": "A", "label": "opened", "breakdown": None, "values": [3, 5], "total": 8, "previous": None}
TREND = {
    "intervals": ["2026-11-21T00:00:00+00:00", "2026-11-22T00:00:00+00:00"],
    "series": [SERIES | {"moving_average": None}],
    "incomplete_from": None,
}


class Question(InModel):
    """A question that has an answer anywhere."""

    event: ShortText = "opened"


async def _find(session: AsyncSession, query: Question) -> dict[str, Any]:
    return TREND


async def make(api: Api) -> dict[str, str]:
    """Make one of each."""
    insights: Any = ports_of(api.db, MetricsPorts).insights
    insights["trends"] = Insight(
        Question,
        _find,
        RootModel[dict[str, Any]].model_validate,
        lambda found: (("interval", "opened"), list(zip(TREND["intervals"], SERIES["values"], strict=True))),
    )
    insight = await post(api, "/v1/insights", {"name": "Opened", "kind": "trends", "query": {}})
    tiles = [{"insight_id": insight["id"], "width": 6}]
    dashboard = await post(api, "/v1/dashboards", {"name": "Product", "tiles": tiles})
    annotation = await post(api, "/v1/annotations", {"at": "2026-11-21T12:00:00Z", "text": "a release"})
    return {"insight_id": insight["id"], "dashboard_id": dashboard["id"], "annotation_id": annotation["id"]}


WORLD = World(
    "metrics",
    make,
    bodies={
        "PATCH /v1/insights/{insight_id}": {"name": "another"},
        "PATCH /v1/dashboards/{dashboard_id}": {"name": "another"},
        "PATCH /v1/annotations/{annotation_id}": {"text": "another"},
    },
    changes={
        "PATCH /v1/insights/{insight_id}": {"name": "changed"},
        "PATCH /v1/dashboards/{dashboard_id}": {"name": "changed"},
        "PATCH /v1/annotations/{annotation_id}": {"text": "changed"},
    },
    worded={
        "POST /v1/insights": {"name": SAID, "description": SAID, "kind": "trends", "query": {"event": SAID}},
        "PATCH /v1/insights/{insight_id}": {"name": SAID, "description": SAID, "query": {"event": SAID}},
        "POST /v1/dashboards": {"name": SAID, "description": SAID},
        "PATCH /v1/dashboards/{dashboard_id}": {"name": SAID, "description": SAID},
        "POST /v1/annotations": {"at": "2026-11-21T12:00:00Z", "text": SAID, "link": PATH},
        "PATCH /v1/annotations/{annotation_id}": {"text": SAID, "link": PATH},
    },
    # they ask, and write nothing
    without_words=frozenset(
        f"POST /v1/insights/{kind}"
        for kind in (
            "trends",
            "trends/persons",
            "active-users",
            "funnel",
            "funnel/persons",
            "retention",
            "retention/persons",
            "lifecycle",
            "lifecycle/persons",
            "stickiness",
            "stickiness/persons",
            "paths",
            "paths/persons",
            "sessions",
            "sessions/persons",
            "active-users/persons",
            "experience",
            "attribution",
            "breakdown",
            "usage",
            "churn",
            "next-best",
        )
    ),
)
