"""A topic, an address that gets nothing, and what a person wants to hear."""

from __future__ import annotations

from typing import Any

from opsloop_common.testing.http import Api
from tests.contracts.worlds.world import MAIL, SAID, World, post

TOPIC: dict[str, Any] = {"key": "news", "name": "News", "name_zh": "新闻", "throttle": {"count": 3, "window": "P1D"}}
TOPIC["digest"] = {"every": "none", "at": "09:00", "weekday": "monday"}
SUPPRESSION = {"address": "gone@example.test", "reason": "manual", "note": "asked on the phone"}
WANTED = {
    "topics": [
        {
            "topic": "news",
            "channel": "email",
            "is_on": False,
            "digest": {"every": "week", "at": "18:30", "weekday": "friday"},
        }
    ],
    "quiet_hours": {"start": "22:00", "end": "08:00"},
}
ONE = "/v1/recipients/{user_id}"


async def make(api: Api) -> dict[str, str]:
    """Make a topic and a suppression."""
    return {
        "topic_id": (await post(api, "/v1/notification-topics", TOPIC))["id"],
        "suppression_id": (await post(api, "/v1/suppressions", SUPPRESSION))["id"],
    }


WORLD = World(
    "notifications",
    make,
    bodies={
        "PATCH /v1/notification-topics/{topic_id}": {"name": "another"},
        f"PUT {ONE}/preferences": WANTED,
        f"PATCH {ONE}": {"name": "another"},
    },
    no_changes={f"PUT {ONE}/preferences": {"topics": [], "quiet_hours": None}},
    changes={
        "PATCH /v1/notification-topics/{topic_id}": {"is_on": False},
        f"PUT {ONE}/preferences": WANTED,
        f"PATCH {ONE}": {"time_zone": "Europe/Paris"},
    },
    worded={
        "POST /v1/notification-topics": {"key": "said", "name": SAID, "name_zh": SAID},
        "PATCH /v1/notification-topics/{topic_id}": {"name": SAID, "name_zh": SAID},
        "POST /v1/suppressions": {"address": MAIL, "note": SAID},
        f"PATCH {ONE}": {"email": MAIL, "name": SAID},
    },
    without_words=frozenset({f"PUT {ONE}/preferences"}),
)
