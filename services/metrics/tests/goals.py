"""Objectives of the last quarter of 2026, in a world of metrics."""

from datetime import timedelta

from opsloop_metrics.objectives import rules

PATH = "/v1/objectives"
QUARTER = {"title": "Customers stay", "owner": "product", "period": "2026-Q4"}
SPAN = rules.span_of(rules.named_days("2026-Q4"), "UTC")
START, QUARTER_DAYS = SPAN.start, (SPAN.end - SPAN.start).days


def pointers(answer):
    """Return where the faults of a refused request are."""
    return [error["pointer"] for error in answer.json().get("errors", [])]


class Goals:
    """Sets objectives of the last quarter of 2026 and tells time in days of it."""

    def __init__(self, world):
        self.world = world

    @classmethod
    def before_the_quarter(cls, world):
        """Begin ten days before the quarter does."""
        world.api.clock.set(START - timedelta(days=10))
        return cls(world)

    async def day(self, day):
        """Go to a day of the quarter, and do what is due by then."""
        self.world.api.clock.set(START + timedelta(days=day))
        await self.world.tick()

    async def objective(self, **fields):
        return f"{PATH}/{(await self.world.post(PATH, QUARTER | fields))['id']}"

    async def result(self, objective, **fields):
        body = {"title": "Renewals", "start": 0, "target": 100} | fields
        return f"{objective}/key-results/{(await self.world.post(f'{objective}/key-results', body))['id']}"

    async def say(self, result, value=None, **fields):
        body = {"value": value, "confidence": 3} | fields
        return await self.world.post(f"{result}/check-ins", body)

    async def standing(self, objective):
        found = await self.world.get(objective)
        return found["state"], found["progress"] if found["progress"] is None else round(found["progress"], 6)

    async def risks(self):
        return [event.data["state"] for event in await self.world.told("goal.at_risk")]
