"""How tests ask insights about a world, made of what clients send."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx

from tests.insights.segment import Json, batches

AFTER = datetime(2026, 6, 1, tzinfo=UTC)
"""When tests ask: long after everything in them happened."""


class Insights:
    """Sends what people did, as Segment's clients do, and asks."""

    def __init__(self, world: Any) -> None:
        self.world = world
        world.api.clock.set(AFTER)

    async def happened(self, *messages: Json, headers: dict[str, str] | None = None) -> None:
        """Send messages; they are stored when this returns."""
        for body in batches(messages):
            answer = await self.world.send("POST", "/v1/batch", json=body, **({"headers": headers} if headers else {}))
            assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text

    async def ask(self, insight: str, **query: Any) -> Any:
        """Return the answer, about days of UTC and weeks from Monday where the query does not say otherwise."""
        return await self.world.post(
            f"/v1/insights/{insight}", {"time_zone": "UTC", "week_start": "monday"} | query, 200
        )

    async def refused(self, insight: str, **query: Any) -> list[tuple[str, str]]:
        """Return what is said to be wrong with a query, and where."""
        problem = await self.world.post(f"/v1/insights/{insight}", query, 422)
        return [(each["pointer"], each["detail"]) for each in problem["errors"]]

    async def csv(self, insight: str, **query: Any) -> httpx.Response:
        """Return the answer as CSV."""
        headers = self.world.headers | {"Accept": "text/csv"}
        return await self.world.send(
            "POST", f"/v1/insights/{insight}", json={"time_zone": "UTC"} | query, headers=headers
        )


def did(who: str, what: str, when: str, **more: Any) -> Json:
    """Return a message: somebody (`~…`: an anonymous id) did something (`/…`: saw a page) at a time of UTC, `03-01T10:00`."""
    ids = {"anonymousId": who} if who.startswith("~") else {"userId": who}
    told = {"properties": more.pop("properties", {})}
    if what.startswith("/"):
        told = {"properties": {"path": what, "url": f"https://shop.example{what}"} | told["properties"]}
    kind = {"type": "page"} if what.startswith("/") else {"type": "track", "event": what}
    return {"messageId": str(uuid4()), "timestamp": f"2026-{when}Z", **ids, **kind, **told, **more}


def identified(who: str, when: str, *, was: str | None = None, **traits: Any) -> Json:
    """Return a message that says who somebody is, and whose anonymous id that was."""
    same = {"anonymousId": was} if was else {}
    return {
        "type": "identify",
        "messageId": str(uuid4()),
        "timestamp": f"2026-{when}Z",
        "userId": who,
        **same,
        "traits": traits,
    }


def many(who: str, what: str, whens: Iterable[str], **more: Any) -> list[Json]:
    """Return a message for each time."""
    return [did(who, what, when, **more) for when in whens]
