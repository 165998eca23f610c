"""An objective with a key result that somebody checked in, and a competitor with a series."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import PATH, SAID, World, post

OBJECTIVE = {"title": "Customers stay", "period": "2026-Q4"}
RESULT = {"title": "Renewals", "start": 0, "target": 100}
CHECK_IN = {"value": 40, "confidence": 4}
COMPETITOR = {"name": "A rival"}
SERIES = {"key": "price", "name": "Price", "unit": "CNY", "alert": {"change": 0.2}}
POINTS = {"points": [{"at": "2026-11-20T00:00:00Z", "value": 10}]}
URL = {"type": "url", "url": PATH, "format": "json", "pointer": "/price"}


async def make(api: Api) -> dict[str, str]:
    """Make one of each."""
    objective = await post(api, "/v1/objectives", OBJECTIVE)
    at = f"/v1/objectives/{objective['id']}/key-results"
    result = await post(api, at, RESULT)
    await post(api, f"{at}/{result['id']}/check-ins", CHECK_IN)
    competitor = await post(api, "/v1/competitors", COMPETITOR)
    await post(api, f"/v1/competitors/{competitor['id']}/series", SERIES)
    await post(api, f"/v1/competitors/{competitor['id']}/series/price/points", POINTS)
    return {
        "objective_id": objective["id"],
        "key_result_id": result["id"],
        "competitor_id": competitor["id"],
        "series_key": "price",
    }


_ONE = "/v1/objectives/{objective_id}"
_RESULT = f"{_ONE}/key-results/{{key_result_id}}"
_SERIES = "/v1/competitors/{competitor_id}/series"

WORLD = World(
    "metrics",
    make,
    bodies={
        f"PATCH {_ONE}": {"title": "another"},
        f"POST {_ONE}/key-results": RESULT,
        f"PATCH {_RESULT}": {"title": "another"},
        f"POST {_RESULT}/check-ins": CHECK_IN,
        "PATCH /v1/competitors/{competitor_id}": {"name": "another"},
        f"POST {_SERIES}": SERIES | {"key": "share"},
        f"PATCH {_SERIES}/{{series_key}}": {"name": "another"},
        f"POST {_SERIES}/{{series_key}}/points/import": None,
        f"POST {_SERIES}/{{series_key}}/points": {"points": [{"at": "2026-11-21T00:00:00Z", "value": 11}]},
    },
    changes={
        f"PATCH {_ONE}": {"title": "changed"},
        f"PATCH {_RESULT}": {"title": "changed"},
        "PATCH /v1/competitors/{competitor_id}": {"name": "changed"},
        f"PATCH {_SERIES}/{{series_key}}": {"name": "changed"},
    },
    worded={
        "POST /v1/objectives": OBJECTIVE | {"title": SAID, "description": SAID, "owner": SAID},
        f"PATCH {_ONE}": {"title": SAID, "description": SAID, "owner": SAID},
        f"POST {_ONE}/key-results": RESULT | {"title": SAID, "unit": SAID},
        f"PATCH {_RESULT}": {"title": SAID, "unit": SAID},
        f"POST {_RESULT}/check-ins": CHECK_IN | {"note": SAID},
        "POST /v1/competitors": {"name": SAID, "url": PATH, "notes": SAID},
        "PATCH /v1/competitors/{competitor_id}": {"name": SAID, "url": PATH, "notes": SAID},
        f"POST {_SERIES}": SERIES | {"key": "worded", "name": SAID, "unit": SAID, "source": URL},
        f"PATCH {_SERIES}/{{series_key}}": {"name": SAID, "unit": SAID, "source": URL},
    },
    without_words=frozenset({f"POST {_SERIES}/{{series_key}}/points"}),
    queries={f"GET {_SERIES}/{{series_key}}/compare": {"kpi": "csat"}},
)
