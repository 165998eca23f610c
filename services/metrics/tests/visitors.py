"""A site whose visitors measure, click in anger and meet errors, and how tests ask about it."""

from __future__ import annotations

from services.metrics.tests.asked import Insights, did

DAY = {"from": "2026-03-01", "to": "2026-03-01"}


class Site(Insights):
    """Sends what people met, as each vendor's clients do, and asks."""

    async def browsed(self, who: str, event: str, when: str, path: str, *, is_personless: bool = False, **properties):
        """Send an event as posthog-js does."""
        properties |= {"$current_url": f"https://shop.example{path}"}
        properties |= {"$process_person_profile": False} if is_personless else {}
        body = {"event": event, "distinct_id": who, "properties": properties, "timestamp": f"2026-{when}Z"}
        answer = await self.world.send("POST", "/i/v0/e/", json=body)
        assert answer.status_code == 200, answer.text

    async def experience(self, **query):
        return await self.ask("experience", **DAY | query)


def at(path, **properties):
    """Return the properties of what happened on a page."""
    return {"properties": {"url": f"https://shop.example{path}"} | properties}


def measured(who, when, path="/", **values):
    return did(who, "Web Vitals", when, **at(path, **values))


def of_version(version):
    return {"context": {"app": {"version": version}}}


def metric(found, name):
    return next(each for each in found["metrics"] if each["metric"] == name)
