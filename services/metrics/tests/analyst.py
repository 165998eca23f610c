"""Someone who tells what people did, as Segment's clients do, and asks about it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

from services.metrics.tests.conftest import World

NOW = datetime(2026, 6, 1, tzinfo=UTC)
_numbers = count(1)
BOT = {"context": {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}}


def did(who: str, event: str, when: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a message: `when` is in March 2026 (`02T10:00`) or of any month (`04-02T10:00`), in UTC."""
    date, _, clock = when.partition("T")
    time = f"2026-{date if '-' in date else f'03-{date}'}T{clock or '12:00'}"
    return {
        "type": "track", "event": event, "messageId": f"m{next(_numbers)}", "userId": who,
        "timestamp": datetime.fromisoformat(time).replace(tzinfo=UTC).isoformat(), "properties": properties or {},
    } | more  # fmt: skip


def is_known(who: str, when: str, *, anonymous: str | None = None, **traits: Any) -> dict[str, Any]:
    """Return a message that says who somebody is, and perhaps who they were before."""
    return did(who, "", when, type="identify", traits=traits, anonymousId=anonymous)


class Analyst:
    """Tells, and asks about March 2026 in UTC unless it says otherwise."""

    def __init__(self, world: World, insight: str) -> None:
        self.world, self.insight = world, insight
        world.api.clock.set(NOW)

    async def tell(self, *messages: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        key = (headers or self.world.headers)["Authorization"].removeprefix("Bearer ")
        body = {"batch": list(messages), "writeKey": key}
        answer = await self.world.send("POST", "/v1/batch", json=body, headers={})
        assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text

    async def tell_of_nobody(self, event: str, when: str) -> None:
        """Tell what somebody did of whom nothing is to be kept."""
        properties = {"$process_person_profile": False}
        body = {
            "event": event,
            "distinct_id": "x1",
            "properties": properties,
            "timestamp": did("", "", when)["timestamp"],
        }
        answer = await self.world.send("POST", "/i/v0/e/", json=body)
        assert answer.status_code == 200, answer.text

    async def ask(self, first: str = "01", last: str = "03", *, expect: int = 200, **query: Any) -> Any:
        return (await self.answer(first, last, expect=expect, **query)).json()

    async def answer(
        self,
        first: str = "01",
        last: str = "03",
        *,
        expect: int = 200,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """Ask about days of March."""
        body = {"from": f"2026-03-{first}", "to": f"2026-03-{last}", "time_zone": "UTC", "week_start": "monday"} | query
        asked = self.world.headers | (headers or {})
        answer = await self.world.send("POST", f"/v1/insights/{self.insight}", json=body, headers=asked)
        assert answer.status_code == expect, answer.text
        return answer

    async def refused(self, **query: Any) -> list[tuple[str, str]]:
        """Return pointer and words of each fault of a query."""
        document = await self.ask(expect=422, **query)
        return [(error["pointer"], error["detail"]) for error in document["errors"]]
