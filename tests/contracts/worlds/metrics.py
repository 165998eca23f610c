"""A KPI that breaches."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import World, post

REPORTED = {"key": "csat", "name": "CSAT", "unit": "score", "direction": "up", "measure": {"type": "reported"}}
MONITOR = {"condition": {"type": "threshold", "operator": "lt", "value": 3}, "severity": "warning"}


async def make(api: Api) -> dict[str, str]:
    """Make a KPI that breaches."""
    await post(api, "/v1/kpis", REPORTED)
    monitor = await post(api, "/v1/kpis/csat/monitors", MONITOR)
    await post(api, "/v1/kpis/csat/values", {"value": 1.0})
    api.clock.advance(timedelta(seconds=2))
    await run_due(api.db, api.runtime.service.due)
    breaches = (await api.client.get("/v1/breaches", headers=await api.key())).json()["items"]
    return {"key": "csat", "monitor_id": monitor["id"], "incident_id": breaches[0]["incident_id"]}


WORLD = World(
    "metrics",
    make,
    bodies={
        "PATCH /v1/kpis/{key}": {"name": "another"},
        "POST /v1/kpis/{key}/values": {"value": 1.5},
        "POST /v1/kpis/{key}/monitors": MONITOR,
        "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"severity": "info"},
    },
    changes={
        "PATCH /v1/kpis/{key}": {"name": "changed"},
        "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"severity": "critical"},
    },
    # a KPI is a definition: its labels are what the log is asked about
    without_words=frozenset(
        {
            "POST /v1/kpis",
            "PATCH /v1/kpis/{key}",
            "POST /v1/kpis/{key}/values",
            "POST /v1/kpis/{key}/monitors",
            "PATCH /v1/kpis/{key}/monitors/{monitor_id}",
        }
    ),
    queries={
        "GET /v1/kpis/{key}/series": {"from": "2026-11-22T00:00:00Z", "to": "2026-11-22T01:00:00Z", "step": "PT10M"}
    },
)
