"""Someone who describes segments and looks who is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.metrics.tests.analyst import Analyst
from services.metrics.tests.conftest import World


class Marketer(Analyst):
    """Tells what people did, as an analyst does, and describes segments."""

    def __init__(self, world: World) -> None:
        super().__init__(world, "trends")

    def at(self, when: str) -> None:
        """Be at a time of March 2026 (`04T10:00`) or of any month (`04-02T10:00`), in UTC."""
        date, _, clock = when.partition("T")
        time = f"2026-{date if '-' in date else f'03-{date}'}T{clock or '12:00'}"
        self.world.api.clock.set(datetime.fromisoformat(time).replace(tzinfo=UTC))

    async def segment(self, *conditions: dict[str, Any], match: str = "all", **more: Any) -> str:
        """Describe a segment and wait until it is filled; returns its id."""
        definition = {"match": match, "conditions": list(conditions)} | more.pop("rest", {})
        body = {"name": "s", "kind": "dynamic", "definition": definition} | more
        segment = (await self.world.post("/v1/segments", body))["id"]
        await self.world.tick()
        return str(segment)

    async def listed(self, *user_ids: str, name: str = "l") -> str:
        """Make a list of people; returns its id."""
        segment = (await self.world.post("/v1/segments", {"name": name, "kind": "static"}))["id"]
        if user_ids:
            await self.put(segment, *user_ids)
        return str(segment)

    async def put(self, segment: str, *user_ids: str) -> Any:
        return await self._change("PUT", segment, *user_ids)

    async def take(self, segment: str, *user_ids: str) -> Any:
        return await self._change("DELETE", segment, *user_ids)

    async def _change(self, method: str, segment: str, *user_ids: str) -> Any:
        answer = await self.world.send(method, f"/v1/segments/{segment}/members", json={"user_ids": list(user_ids)})
        assert answer.status_code == 200, answer.text
        await self.world.tick()
        return answer.json()

    async def refreshed(self) -> None:
        """Let the turn of all segments come."""
        await self.world.recur()

    async def members(self, segment: str, *, fresh: bool = True) -> list[str]:
        """Return who is in a segment, sorted, after its turn."""
        if fresh:
            await self.refreshed()
        found, cursor = [], None
        while True:
            page = await self.world.get(
                f"/v1/segments/{segment}/members", limit=1_000, **({"cursor": cursor} if cursor else {})
            )
            found += [each["user_id"] for each in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return sorted(found)

    async def preview(self, *conditions: dict[str, Any], match: str = "all", rest: Any = None) -> list[str]:
        """Return who fulfils conditions, sorted; there are no more of them than a preview shows."""
        definition = {"match": match, "conditions": list(conditions)} | (rest or {})
        found = await self.world.post("/v1/segments/preview", {"definition": definition}, 200)
        people = sorted(each["user_id"] for each in found["sample"])
        assert (found["size"], found["is_estimate"]) == (len(people), False)
        return people

    async def zone(self, name: str) -> None:
        """Have the workspace's days be those of a zone."""
        key = await self.world.api.key()
        answer = await self.world.send("PATCH", "/v1/workspace", json={"time_zone": name}, headers=key)
        assert answer.status_code == 200, answer.text

    async def feed(self) -> None:
        """Bring what other services told beside what clients sent."""
        await self.world.recur()

    async def told(self) -> list[tuple[str, list[str]]]:
        """Return what was told of segments: type and people."""
        events = await self.world.told("segment.entered", "segment.left")
        return [(event.type, list(event.data["user_ids"])) for event in events]


def event(name: str | None, op: str = "ge", count: int = 1, within: str | None = None, **more: Any) -> dict[str, Any]:
    """Return the condition of having done something."""
    return {"type": "event", "event": name, "op": op, "count": count, "within": within} | more


def prop(aggregate: str, op: str, value: Any, **more: Any) -> dict[str, Any]:
    """Return a condition on what `properties.amount` of purchases came to."""
    told = {"type": "property", "event": "buy", "property": "properties.amount"}
    return told | {"aggregate": aggregate, "op": op, "value": value} | more
