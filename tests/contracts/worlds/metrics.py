"""A KPI that breaches, whose incident somebody looks after; its monitor is muted, and there is a maintenance window."""

from __future__ import annotations

from datetime import timedelta

from opsloop_common.testing.due import run_due
from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World, post

REPORTED = {"key": "csat", "name": "CSAT", "unit": "score", "direction": "up", "measure": {"type": "reported"}}
MUTE = {"until": "2026-12-01T00:00:00Z"}
WINDOW = {"name": "Migration", "starts_at": "2026-11-21T00:00:00Z", "ends_at": "2026-11-21T02:00:00Z", "kpis": ["csat"]}
# a KPI is a definition, and its name, unit and tags are what the log is asked about; whom it counts and whose it is are not
OF_SOMEBODY = {
    "type": "events",
    "event": "feedback.received",
    "aggregate": "count",
    "where": [{"field": "data.author.user_id", "op": "eq", "value": SAID}],
}
WORDED = {"description": SAID, "owner": MAIL}
_MUTE = "PUT /v1/kpis/{key}/monitors/{monitor_id}/mute"
_WINDOW = "PATCH /v1/maintenance-windows/{window_id}"
_ACKNOWLEDGE = "POST /v1/breaches/{incident_id}/acknowledge"
MONITOR = {"condition": {"type": "threshold", "operator": "lt", "value": 3}, "severity": "warning"}


async def make(api: Api) -> dict[str, str]:
    """Make a KPI that breaches."""
    await post(api, "/v1/kpis", REPORTED)
    monitor = await post(api, "/v1/kpis/csat/monitors", MONITOR)
    await post(api, "/v1/kpis/csat/values", {"value": 1.0})
    api.clock.advance(timedelta(seconds=2))
    await run_due(api.db, api.runtime.service.due)
    breaches = (await api.client.get("/v1/breaches", headers=await api.key())).json()["items"]
    incident_id = breaches[0]["incident_id"]
    for method, path, body in (
        ("POST", f"/v1/breaches/{incident_id}/acknowledge", {}),
        ("PUT", f"/v1/kpis/csat/monitors/{monitor['id']}/mute", MUTE),
    ):
        answer = await api.client.request(method, path, json=body, headers=await api.key())
        assert answer.status_code in (200, 201), (path, answer.text)
    window = await post(api, "/v1/maintenance-windows", WINDOW)
    return {"key": "csat", "monitor_id": monitor["id"], "incident_id": incident_id, "window_id": window["id"]}


WORLD = World(
    "metrics",
    make,
    bodies={
        "PATCH /v1/kpis/{key}": {"name": "another"},
        "POST /v1/kpis/{key}/values": {"value": 1.5},
        "POST /v1/kpis/{key}/monitors": MONITOR,
        "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"severity": "info"},
        _MUTE: MUTE,
        _WINDOW: {"name": "another"},
        _ACKNOWLEDGE: {"note": "a release"},
    },
    no_changes={_MUTE: MUTE},
    worded={
        _MUTE: MUTE | {"reason": SAID},
        "POST /v1/maintenance-windows": WINDOW | {"name": SAID, "tags": [SAID]},
        _WINDOW: {"name": SAID, "tags": [SAID]},
        _ACKNOWLEDGE: {"note": SAID},
        "POST /v1/kpis": REPORTED | {"key": "worded", "measure": OF_SOMEBODY, **WORDED},
        "PATCH /v1/kpis/{key}": WORDED,
    },
    changes={
        _MUTE: MUTE | {"reason": "changed"},
        _WINDOW: {"name": "changed"},
        "PATCH /v1/kpis/{key}": {"name": "changed"},
        "PATCH /v1/kpis/{key}/monitors/{monitor_id}": {"severity": "critical"},
    },
    without_words=frozenset(
        {
            "POST /v1/kpis/{key}/values",
            "POST /v1/kpis/{key}/monitors",
            "PATCH /v1/kpis/{key}/monitors/{monitor_id}",
        }
    ),
    queries={
        "GET /v1/kpis/{key}/explanation": {"from": "2026-11-22T00:00:00Z", "to": "2026-11-22T01:00:00Z"},
        "GET /v1/kpis/{key}/series": {
            "from": "2026-11-22T00:00:00Z",
            "to": "2026-11-22T01:00:00Z",
            "interval": "PT10M",
        },
    },
)
