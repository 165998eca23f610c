"""A KPI that is looked at day by day: for the tests of what monitors watch for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from opsloop_common.contracts.envelope import Event
from opsloop_common.db import Context
from opsloop_metrics.events import service as events
from services.metrics.tests.conftest import World

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
COUNT = {"type": "events", "event": "feedback.received", "aggregate": "count"}
WEEK = (1.0, 1.1, 1.05, 0.95, 1.2, 0.6, 0.5)  # of its days, Monday first


def usual(day: datetime, level: float = 600) -> float:
    """Return what a day of a calm KPI comes to: a weekday's share of its level, and a scatter of ± 2 % that looks like chance."""
    return round(level * WEEK[day.weekday()] * (1 + 0.02 * (day.toordinal() * 7 % 11 - 5) / 5))


@dataclass
class Days:
    """Reports a KPI at noon of each day, and looks when the day is over."""

    world: World

    @property
    def today(self) -> datetime:
        return datetime.combine(self.world.now.date(), time(), UTC)

    async def kept(self, days: int, level: float = 600) -> None:
        """Report usual values of so many days before today."""
        for back in range(days, 0, -1):
            day = self.today - back * DAY
            await self.world.report(usual(day, level), day + 12 * HOUR)

    async def over(self, value: float | None) -> str:
        """Report today's value, if there is one, and let the day be over; returns the state then."""
        if value is not None:
            self.world.api.clock.set(max(self.world.now, self.today + 12 * HOUR))
            await self.world.report(value)
            await self.world.tick()
        await self.pass_midnight()
        return await self.world.state()

    async def pass_midnight(self) -> None:
        """Let the day be over, and what is due a minute later happen."""
        self.world.api.clock.set(self.today + DAY + MINUTE)
        await self.world.tick()

    async def stored(self, happened: Iterable[Event]) -> None:
        """Store events as if they had come long ago."""
        async with self.world.api.db.transaction(Context(workspace="acme")) as session:
            await events.record(session, list(happened))

    async def seen(self) -> Any:
        """Return what the KPI's only monitor says."""
        [monitor] = (await self.world.status())["monitors"]
        return monitor
