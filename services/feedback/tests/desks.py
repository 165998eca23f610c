"""Short ways to calendars, teams and policies, and the desk's own work done at once, for tests of service levels."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from opsloop_common.contracts.envelope import Event
from opsloop_common.contracts.feedback import FeedbackReceived
from opsloop_common.testing.due import run_due
from opsloop_common.testing.events import deliver
from opsloop_feedback.app import SERVICE
from opsloop_feedback.routing_rules.consumers import DESK

SHANGHAI = ZoneInfo("Asia/Shanghai")
WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
CHINA = {
    "name": "客服",
    "time_zone": "Asia/Shanghai",
    "week": [
        {"days": WORKDAYS, "start": "09:00", "end": "12:00"},
        {"days": WORKDAYS, "start": "13:30", "end": "18:00"},
    ],
    "days": [
        {"first_day": "2027-10-01", "last_day": "2027-10-07", "name": "国庆节"},
        {"first_day": "2027-10-09", "name": "补班", "works_as": "thursday"},
    ],
}


class Clockwork:
    """The desk with a clock on the wall of Shanghai: posts, changes, and what the worker would do meanwhile."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.policy_made: dict[str, Any] = {}

    async def make(self, path: str, body: dict[str, Any], expect: int = 201) -> dict[str, Any]:
        """Make a resource."""
        answer = await self.desk.client.post(path, json=body, headers=self.desk.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def change(self, path: str, expect: int = 200, **fields: Any) -> dict[str, Any]:
        """Change a resource."""
        answer = await self.desk.client.patch(path, json=fields, headers=self.desk.agent)
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def calendar(self, **fields: Any) -> str:
        """Make the Chinese calendar; returns its id."""
        return (await self.make("/v1/calendars", CHINA | fields))["id"]

    async def policy(self, **fields: Any) -> dict[str, Any]:
        """Make a policy."""
        return await self.make("/v1/sla-policies", {"name": "standard"} | fields)

    def at(self, local: str) -> datetime:
        """Set the clock to a time of Shanghai's."""
        self.desk.api.clock.set(datetime.fromisoformat(local).replace(tzinfo=SHANGHAI))
        return self.desk.api.clock.now()

    async def received(self) -> list[Event]:
        """Return the events by which posts came in."""
        return [event for event in await self.desk.api.events() if event.type == FeedbackReceived.type]

    async def work(self) -> None:
        """Do what the worker does: hear what came in, and look at what is due."""
        await deliver(self.desk.api.db, DESK, *await self.received())
        await run_due(self.desk.api.db, SERVICE.due)

    async def post(self, at: str | None = None, **fields: Any) -> str:
        """Post a feedback at a time, and let the worker take it up; returns its path."""
        if at is not None:
            self.at(at)
        made = await self.desk.post(**fields)
        await self.work()
        return f"/v1/feedback/{made['id']}"

    async def work_until(self, *times: str) -> None:
        """Let the worker look at each of some times."""
        for time in times:
            self.at(time)
            await self.work()

    async def reply(self, path: str, body: str = "We look at it.") -> None:
        """Reply to the author."""
        await self.make(f"{path}/messages", {"kind": "reply", "body": body})

    async def due(self, path: str) -> str | None:
        """Return when a feedback is due, by the clock on Shanghai's wall."""
        due_at = (await self.desk.get(path))["due_at"]
        return due_at and datetime.fromisoformat(due_at).astimezone(SHANGHAI).strftime("%a %m-%d %H:%M")

    async def clocks(self, path: str) -> dict[str, str]:
        """Return the newest clock of each target by its state."""
        found = (await self.desk.get(f"{path}/clocks"))["items"]
        return {clock["target"]: clock["status"] for clock in reversed(found)}

    async def told(self) -> list[tuple[str, str]]:
        """Return what was told of clocks, in order: what happened, and to which target."""
        events = [event for event in await self.desk.api.events() if event.type.startswith("feedback.sla_")]
        return [(event.type.removeprefix("feedback.sla_"), event.data["target"]) for event in events]
