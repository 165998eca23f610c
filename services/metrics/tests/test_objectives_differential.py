"""Random quarters: what the API shows and tells at each step is what a few lines of plain Python say."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from services.metrics.tests.goals import QUARTER_DAYS, Goals

RISK = {"at_risk": 1, "off_track": 2}
WORST_DAYS = 6
"""Longest step between two looks."""


@dataclass
class Result:
    """A key result as the reference has it."""

    path: str
    start: float
    target: float
    weight: float
    kpi: str | None
    value: float | None = None

    @property
    def share(self) -> float:
        if self.value is None:
            return 0.0
        return min(max((self.value - self.start) / (self.target - self.start), 0.0), 1.0)


@dataclass
class Goal:
    """An objective as the reference has it."""

    path: str
    results: list[Result] = field(default_factory=list)
    children: list[Goal] = field(default_factory=list)
    state: str = "not_started"
    told: list[str] = field(default_factory=list)

    @property
    def progress(self) -> float | None:
        if self.results:
            return sum(each.share * each.weight for each in self.results) / sum(each.weight for each in self.results)
        measured = [child.progress for child in self.children if child.progress is not None]
        return sum(measured) / len(measured) if measured else None

    def look(self, day: float) -> None:
        """Judge at a day of the quarter, and note what is told."""
        progress, before = self.progress, self.state
        pace = min(max(day / QUARTER_DAYS, 0), 1)
        if progress is None or day < 0:
            self.state = "not_started"
        elif round(progress, 9) >= 1:
            self.state = "achieved"
        elif day >= QUARTER_DAYS:
            self.state = "missed"
        else:
            behind = round(pace - progress, 9)
            self.state = "off_track" if behind > 0.3 else "at_risk" if behind > 0.15 else "on_track"
        if RISK.get(self.state, 0) > RISK.get(before, 0):
            self.told.append(self.state)


async def make(goals: Goals, dice: random.Random) -> list[Goal]:
    """Set a tree of two levels, its leaves measured by KPIs and by hand; children come before their parent."""
    top = Goal(await goals.objective(title="top"))
    found = []
    for number in range(dice.randint(1, 3)):
        child = Goal(await goals.objective(title=f"{number}", parent_id=top.path.rpartition("/")[2]))
        for place in range(dice.randint(0, 3)):
            start = dice.choice([0, 10, 100, -5])
            target = start + dice.choice([-8, 4, 20])
            weight = dice.choice([1, 2, 0.5])
            kpi = f"k{number}{place}" if dice.random() < 0.4 else None
            if kpi:
                await goals.world.kpi(key=kpi)
            path = await goals.result(child.path, start=start, target=target, weight=weight, kpi=kpi)
            child.results.append(Result(path, start, target, weight, kpi))
        top.children.append(child)
        found.append(child)
    return [*found, top]


async def say(goals: Goals, result: Result, dice: random.Random) -> None:
    """Say a value on the way, behind the start, or beyond the target."""
    value = round(result.start + (result.target - result.start) * dice.uniform(-0.2, 1.2), 3)
    if result.kpi:
        await goals.world.report(value, key=result.kpi)
    else:
        await goals.say(result.path, value)
    result.value = value


@pytest.mark.parametrize("seed", range(5))
async def test_a_quarter_goes_as_the_reference_says(world, seed):
    dice = random.Random(seed)
    goals = Goals.before_the_quarter(world)
    tree = await make(goals, dice)
    day = -2.0
    while day < QUARTER_DAYS + 3:
        day += dice.randint(1, WORST_DAYS * 24) / 24
        await goals.day(day)
        for goal in tree:
            goal.look(day)
        spoken = [result for goal in tree for result in goal.results if dice.random() < 0.3]
        for result in spoken if 0 < day < QUARTER_DAYS else ():
            await say(goals, result, dice)
            await world.tick()
            for goal in tree:
                goal.look(day)

        for goal in tree:
            shown = await world.get(goal.path)
            assert shown["state"] == goal.state, (seed, day, goal)
            assert shown["progress"] == (None if goal.progress is None else pytest.approx(goal.progress)), (seed, day)

    events = await world.told("goal.at_risk")
    for goal in tree:
        told = [event.data["state"] for event in events if event.data["objective_id"] == goal.path.rpartition("/")[2]]
        assert told == goal.told, (seed, goal)
