"""One of everything that a support desk goes by."""

from __future__ import annotations

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import SAID, World, post

WEEK = [{"days": ["monday", "friday"], "start": "09:00", "end": "12:00"}]
DAYS = [
    {"first_day": "2026-10-01", "last_day": "2026-10-07", "name": "国庆节"},
    {"first_day": "2026-10-10", "name": "补班", "works_as": "friday"},
    {"first_day": "2026-12-31", "name": "half", "windows": [{"start": "09:00", "end": "12:00"}]},
]
CALENDAR = {"name": "support", "time_zone": "Asia/Shanghai", "week": WEEK, "days": DAYS}


async def make(api: Api) -> dict[str, str]:
    """Make a calendar."""
    return {"calendar_id": (await post(api, "/v1/calendars", CALENDAR))["id"]}


WORLD = World(
    "feedback",
    make,
    bodies={"PATCH /v1/calendars/{calendar_id}": {"name": "another"}},
    changes={"PATCH /v1/calendars/{calendar_id}": {"time_zone": "Europe/Berlin"}},
    worded={
        "POST /v1/calendars": CALENDAR | {"name": SAID, "days": [DAYS[0] | {"name": SAID}]},
        "PATCH /v1/calendars/{calendar_id}": {"name": SAID, "days": [DAYS[0] | {"name": SAID}]},
    },
    queries={"GET /v1/calendars/{calendar_id}/due-time": {"start": "2026-10-01T00:00:00Z", "working": "PT1H"}},
)
