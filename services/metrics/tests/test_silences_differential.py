"""Random days of reports, mutes and maintenance windows: what is told is what a plain reading of the same day says."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

HIGH = {"type": "threshold", "operator": "ge", "value": 10}
MINUTE = timedelta(minutes=1)
STEPS = 40


@dataclass
class Reference:
    """A monitor without delays, as docs/kpis.md says it: it looks at each report, and at the end of each silence."""

    value: float | None = None
    is_open: bool = False
    mute_until: datetime | None = None
    windows: tuple[tuple[datetime, datetime], ...] = ()
    opened: int = 0
    ended: int = 0

    def is_quiet(self, at: datetime) -> bool:
        muted = self.mute_until is not None and at < self.mute_until
        return muted or any(start <= at < end for start, end in self.windows)

    def look(self, at: datetime) -> None:
        if self.value is None:
            return
        if self.value < 10:
            self.ended += self.is_open
            self.is_open = False
        elif not self.is_open and not self.is_quiet(at):
            self.opened += 1
            self.is_open = True

    def state(self) -> str:
        if self.is_open:
            return "breached"
        return "pending" if self.value is not None and self.value >= 10 else "ok"


class Day:
    """A day of one monitor, told to the service and to the reference alike."""

    def __init__(self, world, monitor, chance):
        self.world, self.chance, self.reference = world, chance, Reference()
        self.mute_at = f"/v1/kpis/k/monitors/{monitor['id']}/mute"
        self.windows = {}

    async def report(self):
        self.reference.value = self.chance.choice([1.0, 9.9, 10.0, 50.0])
        await self.world.report(self.reference.value)

    async def mute(self):
        until = self.world.now + self.chance.randint(1, 90) * MINUTE
        answer = await self.world.send("PUT", self.mute_at, json={"until": until.isoformat()})
        assert answer.status_code in (200, 201), answer.text
        self.reference.mute_until = until

    async def unmute(self):
        answer = await self.world.send("DELETE", self.mute_at)
        assert answer.status_code == (404 if self.reference.mute_until is None else 204)
        self.reference.mute_until = None

    async def plan(self):
        start = self.world.now + self.chance.randint(0, 30) * MINUTE
        end = start + self.chance.randint(1, 60) * MINUTE
        body = {"name": "n", "starts_at": start.isoformat(), "ends_at": end.isoformat()}
        made = await self.world.post("/v1/maintenance-windows", body | self.chance.choice([{}, {"kpis": ["k"]}]))
        self.windows[made["id"]] = (start, end)

    async def call_off(self):
        if self.windows:
            gone = self.chance.choice(sorted(self.windows))
            assert (await self.world.send("DELETE", f"/v1/maintenance-windows/{gone}")).status_code == 204
            del self.windows[gone]

    async def go_on(self):
        """Let some minutes pass; what ends meanwhile is looked at when it ends."""
        before = self.world.now
        await self.world.settle(self.chance.randint(1, 40) * 60)
        ends = [end for _, end in self.reference.windows] + [self.reference.mute_until or before]
        for at in sorted(end for end in ends if before < end <= self.world.now):
            self.reference.look(at)

    async def step(self):
        acts = [self.report, self.report, self.mute, self.unmute, self.plan, self.call_off, self.go_on, self.go_on]
        await self.chance.choice(acts)()
        self.reference.windows = tuple(self.windows.values())
        await self.world.settle(1)  # whatever changed is looked at within a second
        self.reference.look(self.world.now)


@pytest.mark.parametrize("seed", range(4))
async def test_a_day_of_silences_is_what_a_plain_reading_says(world, seed):
    await world.kpi()
    day = Day(world, await world.monitor(HIGH), random.Random(seed))

    for number in range(STEPS):
        await day.step()
        told = [event.type for event in await world.told("kpi.breached", "kpi.recovered")]
        seen = (told.count("kpi.breached"), told.count("kpi.recovered"), await world.state())
        wanted = (day.reference.opened, day.reference.ended, day.reference.state())
        assert seen == wanted, (seed, number)
    assert day.reference.opened
